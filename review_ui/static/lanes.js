// Stacked lanes under one time cursor, drawn at the width that they have: a letter is as large on a phone as on a desk.
// Each curve stands on its own fixed scale, from 0 to `top`, with its bar drawn; what lies beyond is drawn at the edge.
// A drag along a lane seeks; a drag across it scrolls the page, as everywhere else.

const LANE = 46, NARROW = 600;

export function shape(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

export class Lanes {
  // `seek(seconds)` is called for a click or a drag; `data` is the page's timeline.
  constructor(data, { duration, seek, describedBy }) {
    Object.assign(this, { data, duration, seek, played: [], missing: [], notes: [], peaks: [], at: 0, width: 0 });
    this.svg = shape("svg", { class: "lanes", role: "img",
      "aria-label": `${data.findings.length} findings on a time axis of ${duration.toFixed(1)} seconds` });
    if (describedBy) this.svg.setAttribute("aria-describedby", describedBy);
    const to = (event) => {
      const box = this.svg.getBoundingClientRect(), x = event.clientX - box.left;
      if (x >= this.left - 8) this.seek(((x - this.left) / (this.width - this.left)) * this.duration);
    };
    this.svg.addEventListener("click", to);
    this.svg.addEventListener("pointermove", (event) => { if (event.buttons) to(event); });
    new ResizeObserver(([entry]) => this.fit(Math.round(entry.contentRect.width))).observe(this.svg);
  }

  x(seconds) { return this.left + (this.width - this.left) * Math.min(1, Math.max(0, seconds / this.duration)); }

  fit(width) {
    if (!width || width === this.width) return;
    this.width = width;
    this.above = width < NARROW ? 16 : 0;  // a narrow lane has its name above it
    this.left = width < NARROW ? 6 : 168;
    this.draw();
  }

  draw() {
    const lanes = [["Findings", "", (y) => this.marks(this.data.findings, y, "finding")]];
    if (this.data.reporting) lanes.unshift(["Played", "", (y) => this.playedLane(y)]);
    if (this.notes.length) lanes.push(["Notes", "", (y) => this.marks(this.notes, y, "note")]);
    if (this.peaks.length) lanes.push(["Sound", "how loud it is", (y) => this.sound(y)]);
    for (const curve of this.data.curves) lanes.push([curve.name, curve.says, (y) => this.curve(curve, y)]);
    if (this.data.words.length) lanes.push(["Heard", "", (y) => this.words(y)]);
    const each = LANE + this.above, height = lanes.length * each + 20;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.svg.style.height = `${height}px`;
    this.svg.replaceChildren();
    lanes.forEach(([name, says, paint], index) => {
      const y = index * each + this.above;
      const label = shape("text", { x: this.above ? this.left + 4 : 10, y: this.above ? y - 3 : y + LANE / 2 + 4 }, name);
      if (says) label.append(shape("title", {}, says));
      this.svg.append(label, shape("line", { class: "rule", x1: 0, x2: this.width, y1: y + LANE, y2: y + LANE }));
      paint(y);
    });
    const least = this.width < NARROW ? 45 : 30;  // pixels between two numbers of the axis
    const step = [1, 2, 5, 10, 30, 60, 300, 1800].find((s) => this.x(s) - this.left >= least) ?? 3600;
    for (let t = 0; t <= this.duration; t += step)
      this.svg.append(shape("text", { x: this.x(t), y: height - 5,
        "text-anchor": this.x(t) > this.width - 14 ? "end" : this.x(t) < 12 ? "start" : "middle" }, `${t}`));
    this.cursor = shape("line", { class: "cursor", y1: 0, y2: height });
    this.svg.append(this.cursor);
    this.show(this.at);
  }

  show(seconds) {
    this.at = seconds;
    if (!this.cursor) return;
    this.cursor.setAttribute("x1", this.x(seconds));
    this.cursor.setAttribute("x2", this.x(seconds));
  }

  counted({ played, missing }) {
    Object.assign(this, { played, missing });
    if (this.group) this.paintPlayed();
  }

  playedLane(y) {
    this.group = shape("g", {});
    this.groupY = y;
    this.svg.append(this.group);
    this.paintPlayed();
  }

  paintPlayed() {
    const draw = (kind, [from, to], inset) => this.group.append(shape("rect", { class: kind, x: this.x(from),
      width: Math.max(1, this.x(to) - this.x(from)), y: this.groupY + inset, height: LANE - 2 * inset }));
    this.group.replaceChildren();
    for (const range of this.missing) draw("missing", range, 10);
    for (const range of this.played) draw("played", range, 16);
  }

  // What is known later than the page: notes with seconds, and how loud it is in equal parts of the video.
  add(more) {
    Object.assign(this, more);
    if (this.width) this.draw();
  }

  marks(list, y, kind) {
    for (const one of list) {
      const left = this.x(one.t0), width = Math.max(8, this.x(one.t1 ?? one.t0) - left);
      const mark = shape("rect", { class: `${kind} ${one.severity ?? ""}`, x: left, width, y: y + 12, height: LANE - 24,
        rx: one.severity === "block" ? 0 : 6 });
      mark.append(shape("title", {}, one.message));
      this.svg.append(mark);
    }
  }

  sound(y) {
    const middle = y + LANE / 2, step = (this.width - this.left) / this.peaks.length;
    const ends = this.peaks.map((peak, n) => [this.left + n * step, Math.max(0.5, peak / 100 * (LANE / 2 - 4))]);
    const path = `M${ends.map(([x, h]) => `${x.toFixed(1)},${(middle - h).toFixed(1)}`).join("L")}`
      + `L${ends.reverse().map(([x, h]) => `${x.toFixed(1)},${(middle + h).toFixed(1)}`).join("L")}Z`;
    this.svg.append(shape("path", { class: "sound", d: path }));
  }

  curve({ points, top, bar, bad, words }, y) {
    const at = (value) => y + LANE - 4 - (LANE - 8) * Math.min(1, Math.max(0, value / top));
    if (bar !== null) {
      const edge = bad === "high" ? y + 4 : y + LANE - 4, line = at(bar);
      this.svg.append(
        shape("rect", { class: "beyond", x: this.left, width: this.width - this.left,
          y: Math.min(edge, line), height: Math.abs(edge - line) }),
        shape("line", { class: "bar-line", x1: this.left, x2: this.width, y1: line, y2: line }));
    }
    const path = points.map(([t, value]) => `${this.x(t).toFixed(1)},${at(value).toFixed(1)}`);
    const line = shape("polyline", { class: "curve", points: path.join(" ") });
    line.append(shape("title", {}, words));
    this.svg.append(line);
  }

  words(y) {
    const edges = [0, 0];  // of two rows; a word without room is left out, and stands in the text below
    for (const word of this.data.words) {
      const left = this.x(word.t0), row = edges.findIndex((edge) => edge <= left);
      if (row < 0) continue;
      edges[row] = left + 7 * word.text.length + 4;
      this.svg.append(shape("text", { class: "word", x: left, y: y + 19 + 17 * row }, word.text));
    }
  }
}
