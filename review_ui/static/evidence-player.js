// The evidence player: a video and stacked lanes under one time cursor. Click or drag a lane to seek; with the
// player focused: J and L go back and forward, K and space play and pause, comma and full stop step one frame, N goes to
// what is not played yet. Where a reviewer decides, the first lane shows what was played and what is missing for `seen`.

import { Played } from "./played.js";

const LANE = 46, LEFT = 104, WIDTH = 1000, FRAME = 1 / 25;

function shape(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

class EvidencePlayer extends HTMLElement {
  connectedCallback() {
    this.video = this.querySelector("video");
    const data = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
    this.duration = data.duration || 1;
    this.tabIndex = 0;
    this.setAttribute("aria-label", "Video with findings on a time axis");
    this.draw(data);
    this.clock = document.createElement("p");
    this.clock.className = "clock";
    this.append(this.clock);
    if (data.reporting) this.report(data.reporting);
    this.video.addEventListener("timeupdate", () => this.show());
    this.video.addEventListener("seeked", () => this.show());
    this.addEventListener("keydown", (event) => this.key(event));
    document.querySelectorAll("[data-seek]").forEach((button) =>
      button.addEventListener("click", () => this.seek(Number(button.dataset.seek))));
    this.show();
  }

  x(seconds) { return LEFT + (WIDTH - LEFT) * Math.min(1, Math.max(0, seconds / this.duration)); }

  draw(data) {
    const lanes = [["findings", (y) => this.findings(data.findings, y)]];
    if (data.reporting) lanes.unshift(["played", (y) => this.playedLane(y)]);
    for (const curve of data.curves) lanes.push([curve.gate.replaceAll("_", " "), (y) => this.curve(curve, y)]);
    if (data.words.length) lanes.push(["heard", (y) => this.words(data.words, y)]);
    const height = lanes.length * LANE + 20;
    this.svg = shape("svg", { class: "lanes", viewBox: `0 0 ${WIDTH} ${height}`, role: "img",
      "aria-label": `${data.findings.length} findings on a time axis of ${this.duration.toFixed(1)} seconds` });
    lanes.forEach(([label, paint], index) => {
      const y = index * LANE;
      this.svg.append(shape("text", { x: 10, y: y + LANE / 2 + 4 }, label));
      this.svg.append(shape("line", { class: "rule", x1: 0, x2: WIDTH, y1: y + LANE, y2: y + LANE }));
      paint(y);
    });
    const step = this.duration > 60 ? 10 : this.duration > 20 ? 5 : 1;
    for (let t = 0; t <= this.duration; t += step)
      this.svg.append(shape("text", { x: this.x(t), y: height - 5,
        "text-anchor": this.x(t) > WIDTH - 12 ? "end" : "middle" }, `${t}`));
    this.cursor = shape("line", { class: "cursor", y1: 0, y2: height, x1: LEFT, x2: LEFT });
    this.svg.append(this.cursor);
    const drag = (event) => {
      const box = this.svg.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * WIDTH;
      if (at >= LEFT - 8) this.seek(((at - LEFT) / (WIDTH - LEFT)) * this.duration);
    };
    this.svg.addEventListener("pointerdown", (event) => { this.svg.setPointerCapture(event.pointerId); drag(event); });
    this.svg.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
    this.append(this.svg);
  }

  playedLane(y) {
    this.playedAt = y;
    this.played = shape("g", { role: "presentation" });
    this.svg.append(this.played);
  }

  // Tells the server what is played, and shows what it counted.
  report({ views, csrf, state }) {
    this.note = document.createElement("p");
    this.note.className = "note";
    this.note.setAttribute("role", "status");
    this.append(this.note);
    const played = new Played(this.video, { views, csrf, duration: this.duration,
      told: (counted) => this.counted(counted),
      stopped: (words) => { this.stopped = `${words} Reload the page.`; this.remark(); } });
    for (const name of ["play", "volumechange", "ratechange"]) this.video.addEventListener(name, () => this.remark());
    document.querySelector("form[data-decision]")?.addEventListener("formdata",
      (event) => event.formData.set("played", played.untold()));
    document.querySelector("[data-play-missing]")?.addEventListener("click", () => { this.next(); this.video.play(); });
    this.counted(state);
  }

  counted(state) {
    this.missing = state.missing;
    this.played.replaceChildren();
    const draw = (kind, [from, to], inset) => this.played.append(shape("rect", { class: kind, x: this.x(from),
      width: Math.max(1, this.x(to) - this.x(from)), y: this.playedAt + inset, height: LANE - 2 * inset }));
    for (const range of state.missing) draw("missing", range, 10);
    for (const range of state.played) draw("played", range, 16);
    document.dispatchEvent(new CustomEvent("greenroom:played", { detail: state }));
  }

  remark() {
    const video = this.video, silent = video.muted || video.volume === 0;
    this.note.textContent = this.stopped ?? (silent ? "The sound is off: these seconds do not count as played."
      : video.playbackRate > 2 ? "Faster than twice does not count as played." : "");
  }

  // To the next second that is missing, from here on and then from the start.
  next() {
    const at = this.video.currentTime;
    const range = this.missing?.find(([, to]) => to > at + 0.2) ?? this.missing?.[0];
    if (range) this.seek(range[0] > at || range[1] <= at + 0.2 ? range[0] : at);
  }

  findings(list, y) {
    for (const finding of list) {
      const left = this.x(finding.t0), width = Math.max(8, this.x(finding.t1) - left);
      const mark = shape("rect", { class: `finding ${finding.severity}`, x: left, width, y: y + 12, height: LANE - 24,
        rx: finding.severity === "block" ? 0 : 6 });
      mark.append(shape("title", {}, finding.message));
      this.svg.append(mark);
    }
  }

  curve({ points, measure, unit }, y) {
    const values = points.map(([, value]) => value);
    const low = Math.min(...values, 0), high = Math.max(...values, low + 1e-9);
    const path = points.map(([t, value]) => `${this.x(t).toFixed(1)},${(y + LANE - 6 - (LANE - 12) * (value - low) / (high - low)).toFixed(1)}`);
    const line = shape("polyline", { class: "curve", points: path.join(" ") });
    const shown = (value) => value.toPrecision(2);
    line.append(shape("title", {}, `${measure ? measure + ", " : ""}${unit}: ${shown(low)} to ${shown(high)}`));
    this.svg.append(line);
    if (measure) this.svg.append(shape("text", { class: "measure", x: 10, y: y + LANE - 7 }, measure));
  }

  words(list, y) {
    let edge = 0, row = 0;
    for (const word of list) {
      const left = this.x(word.t0), width = 7 * word.text.length + 4;
      row = left < edge ? 1 - row : 0;
      edge = left + width;
      this.svg.append(shape("text", { class: "word", x: left, y: y + 19 + 17 * row }, word.text));
    }
  }

  seek(seconds) { this.video.currentTime = Math.min(this.duration, Math.max(0, seconds)); this.show(); }

  show() {
    const t = this.video.currentTime;
    this.cursor.setAttribute("x1", this.x(t)); this.cursor.setAttribute("x2", this.x(t));
    this.clock.textContent = `${t.toFixed(2)} s of ${this.duration.toFixed(2)} s. Keys: J K L, comma and full stop for one frame${this.missing ? ", N for what is missing" : ""}.`;
  }

  key(event) {
    if (event.target !== this || event.ctrlKey || event.metaKey || event.altKey) return;
    const go = { j: -5, l: 5, ArrowLeft: -1, ArrowRight: 1, ",": -FRAME, ".": FRAME }[event.key];
    if (go !== undefined) this.seek(this.video.currentTime + go);
    else if (event.key === "n") this.next();
    else if (event.key === "k" || event.key === " ") this.video.paused ? this.video.play() : this.video.pause();
    else return;
    event.preventDefault();
  }
}

customElements.define("evidence-player", EvidencePlayer);
