// The evidence player: a video, its controls, boxes over the picture, and lanes under one time cursor. It answers keys
// wherever the focus is (keys.js lists them). Where a reviewer decides, the first lane shows what was played and what is
// missing for `seen`.

import { Frames } from "./frames.js";
import { key } from "./keys.js";
import { Lanes } from "./lanes.js";
import { notes } from "./notes.js";
import { Overlay } from "./overlay.js";
import { Played } from "./played.js";
import { proxyFor } from "./proxy.js";

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2, 4], SEEKS = { repeats: true }, TRIES = 5;

class EvidencePlayer extends HTMLElement {
  connectedCallback() {
    if (this.lanes) return;
    this.video = this.querySelector("video");
    const data = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
    this.duration = data.duration || 1;
    this.tabIndex = 0;
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "Video with findings on a time axis");
    this.spans = data.findings;
    this.lanes = new Lanes(data, { duration: this.duration, seek: (t) => this.seek(t),
      describedBy: document.getElementById("lanes-in-words")?.id });
    this.overlay = new Overlay(this.video, () => this.places());
    this.clock = document.createElement("p");
    this.clock.className = "clock";
    this.append(this.controls(), this.clock, this.lanes.svg);
    this.cover();
    if (data.reporting) this.report(data.reporting);
    for (const name of ["timeupdate", "seeked", "ratechange"]) this.video.addEventListener(name, () => this.show());
    this.video.addEventListener("ended", () => {
      if (this.looping) { this.seek(this.looping.t0); this.video.play(); }
    });
    this.clicks = (event) => this.clicked(event);
    document.addEventListener("click", this.clicks);
    this.noted = () => this.lanes.add({ notes: notes().filter(({ t0 }) => t0 !== null) });
    document.addEventListener("greenroom:notes", this.noted);
    this.keys = [
      key("k", "play and pause", () => this.toggle()),
      key(" ", "", () => this.toggle()),
      key("j", "5 s back", () => this.by(-5), SEEKS),
      key("l", "5 s on", () => this.by(5), SEEKS),
      key("ArrowLeft", "1 s back", () => this.by(-1), SEEKS),
      key("ArrowRight", "1 s on", () => this.by(1), SEEKS),
      key(",", "a frame back", () => this.step(-1), SEEKS),
      key(".", "a frame on", () => this.step(1), SEEKS),
      key("[", "the finding before", () => this.finding(-1), SEEKS),
      key("]", "the next finding", () => this.finding(1), SEEKS),
      key("o", "play this finding over and over, and stop", () => this.loop()),
      key("-", "slower", () => this.speed(-1)),
      key("+", "faster", () => this.speed(1)),
    ];
    if (data.reporting) this.keys.push(key("n", "what has not been played yet", () => this.next()));
    this.follow();
    this.noted();
    this.measure(this.getAttribute("axis"));
    this.show();
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.clicks);
    document.removeEventListener("greenroom:notes", this.noted);
    for (const one of this.keys ?? []) one.forget();
    this.reporter?.end();
    this.video?.pause();
    this.gone = true;
  }

  controls() {
    const row = document.createElement("div");
    row.className = "controls";
    const button = (words, name, does) => {
      const one = document.createElement("button"), cap = document.createElement("kbd");
      one.type = "button";
      cap.textContent = name;
      one.append(words, " ", cap);
      one.addEventListener("click", does);
      row.append(one);
      return one;
    };
    button("Frame back", ",", () => this.step(-1));
    button("Frame on", ".", () => this.step(1));
    this.looper = button("Loop the finding", "O", () => this.loop());
    this.looper.hidden = !this.spans.length;
    const label = document.createElement("label");
    this.rates = document.createElement("select");
    for (const rate of SPEEDS) this.rates.append(new Option(`${rate}×`, rate));
    this.rates.addEventListener("change", () => { this.video.playbackRate = Number(this.rates.value); });
    label.append("Speed ", this.rates);
    row.append(label);
    return row;
  }

  // Blurred and muted until somebody plays it: what is covered was not seen, and counts as not played.
  cover() {
    if (!this.hasAttribute("covered")) return;
    this.video.muted = true;
    this.video.addEventListener("play", () => {
      this.removeAttribute("covered");
      this.video.muted = false;
    }, { once: true });
  }

  // Frames and loudness, as the server reads them from the file; it may have to be asked again while it makes others.
  async measure(address) {
    for (let tries = 1; address && tries <= TRIES && !this.gone; tries += 1) {
      const answer = await fetch(address, { headers: { accept: "application/json" } }).catch(() => null);
      if (answer?.ok && !answer.redirected) {
        const axis = await answer.json();
        this.frames = new Frames(axis);
        this.lanes.add({ peaks: axis.peaks });
        this.show();
        return;
      }
      if (answer && answer.status !== 503) return;
      await new Promise((resolve) => { setTimeout(resolve, 1500 * tries); });
    }
  }

  // Each frame as it comes on the screen.
  follow() {
    if (!this.video.requestVideoFrameCallback) return;
    const came = (_now, { mediaTime }) => {
      if (this.gone) return;
      this.onScreen = mediaTime;
      this.turnBack(mediaTime);
      this.show();
      this.video.requestVideoFrameCallback(came);
    };
    this.video.requestVideoFrameCallback(came);
  }

  // Tells the server what is played, and shows what it counted.
  report({ views, csrf, state }) {
    this.note = document.createElement("p");
    this.note.className = "note";
    this.note.setAttribute("role", "status");
    this.append(this.note);
    this.reporter = new Played(this.video, { views, csrf, duration: this.duration,
      told: (counted) => this.counted(counted),
      stopped: (words) => { this.stopped = `${words} Reload the page.`; this.remark(); } });
    for (const name of ["play", "volumechange", "ratechange"]) this.video.addEventListener(name, () => this.remark());
    document.querySelector("form[data-decision]")?.addEventListener("formdata",
      (event) => {
        event.formData.set("played", this.reporter.untold());
        event.formData.set("by_proxy", Boolean(this.reporter.proxy));
      });
    document.querySelector("[data-play-missing]")?.addEventListener("click", () => { this.next(); this.video.play(); });
    proxyFor(this.video, { address: this.getAttribute("proxy"), csrf,
      say: (words) => { this.told = words; this.remark(); },
      ready: (address) => {
        this.reporter.byProxy();
        this.video.src = address;
        this.told = "You look at a proxy. A decision says so, and is never recorded as seen.";
        this.remark();
      } });
    this.counted(state);
  }

  counted(state) {
    this.missing = state.missing;
    this.lanes.counted(state);
    document.dispatchEvent(new CustomEvent("greenroom:played", { detail: state }));
  }

  remark() {
    const video = this.video, silent = video.muted || video.volume === 0;
    this.note.textContent = this.stopped ?? this.told ?? (this.hasAttribute("covered") ? ""
      : silent ? "The sound is off: these seconds do not count as played."
      : video.playbackRate > 2 ? "Faster than twice does not count as played." : "");
  }

  places() {
    const found = this.spans.filter(({ region }) => region)
      .map(({ t0, t1, region, severity, message }) => ({ t0, t1, region, kind: severity, words: message }));
    const written = notes().filter(({ region }) => region)
      .map(({ t0, t1, region, message }) => ({ t0, t1, region, kind: "note", words: message }));
    return [...found, ...written];
  }

  clicked(event) {
    const seek = event.target.closest?.("[data-seek]"), loop = event.target.closest?.("[data-loop]");
    if (loop) {
      const [t0, t1] = loop.dataset.loop.split(" ").map(Number);
      this.loop({ t0, t1: Math.max(t1, t0 + 0.5) });
    } else if (seek) this.seek(Number(seek.dataset.seek));
    if (loop || seek?.matches("button")) this.scrollIntoView({ block: "nearest" });
  }

  toggle() { if (this.video.paused) this.video.play(); else this.video.pause(); }

  by(seconds) { this.seek(this.video.currentTime + seconds); }

  // To another frame. While a seek is on its way the next one goes on from where that leads to.
  step(way) {
    this.video.pause();
    if (!this.frames) { this.by(way / 25); return; }
    const from = this.video.seeking && this.aim !== undefined ? this.aim : this.frame();
    this.aim = Math.min(this.frames.last, Math.max(0, from + way));
    this.video.currentTime = this.frames.inside(this.aim, this.duration);
    this.show();
  }

  // The frame that is shown: the one that came on the screen, where the browser says so.
  frame() {
    const at = this.video.currentTime;
    if (this.video.seeking || this.onScreen === undefined || !this.video.paused) return this.frames.index(at);
    return this.frames.index(this.onScreen);
  }

  // To the next second that is missing, from here on and then from the start.
  next() {
    const at = this.video.currentTime;
    const range = this.missing?.find(([, to]) => to > at + 0.2) ?? this.missing?.[0];
    if (range) this.seek(range[0] > at || range[1] <= at + 0.2 ? range[0] : at);
  }

  finding(way) {
    const at = this.video.currentTime, starts = [...new Set(this.spans.map((span) => span.t0))].sort((a, b) => a - b);
    const to = way > 0 ? starts.find((t) => t > at + 0.05) : starts.findLast((t) => t < at - 0.05);
    if (to !== undefined) this.seek(to);
  }

  // Over and over from t0 to t1: of this span, or of the finding that is nearest; a second time: no more.
  loop(span) {
    const at = this.video.currentTime;
    this.looping = span ?? (this.looping ? null
      : this.spans.map(({ t0, t1 }) => ({ t0, t1: Math.max(t1, t0 + 0.5) }))
        .sort((a, b) => Math.abs(a.t0 - at) - Math.abs(b.t0 - at))[0] ?? null);
    if (this.looping) { this.seek(this.looping.t0); this.video.play(); }
    this.show();
  }

  turnBack(at) {
    if (this.looping && !this.video.paused && (at >= this.looping.t1 || at < this.looping.t0 - 0.5)) this.seek(this.looping.t0);
  }

  speed(way) {
    const now = SPEEDS.findIndex((rate) => rate >= this.video.playbackRate);
    this.video.playbackRate = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, now + way))];
  }

  seek(seconds) { this.video.currentTime = Math.min(this.duration, Math.max(0, seconds)); this.show(); }

  show() {
    const t = this.video.currentTime, rate = this.video.playbackRate;
    this.turnBack(t);
    this.lanes.show(t);
    this.overlay.show(t);
    this.rates.value = rate;
    this.looper.setAttribute("aria-pressed", Boolean(this.looping));
    const frame = this.frames && this.frame();
    this.clock.textContent = (this.frames
      ? `Frame ${frame} of 0 to ${this.frames.last}, at ${this.frames.seconds(frame).toFixed(3)} s (${this.frames.exact(frame)} s)`
      : `${t.toFixed(2)} s`) + ` of ${this.duration.toFixed(2)} s${this.looping ? ", over and over" : ""}`;
  }
}

customElements.define("evidence-player", EvidencePlayer);
