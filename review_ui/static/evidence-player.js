// The evidence player: a video, its controls, and lanes under one time cursor. It answers keys wherever the focus is
// (keys.js lists them). Where a reviewer decides, the first lane shows what was played and what is missing for `seen`.

import { key } from "./keys.js";
import { Lanes } from "./lanes.js";
import { Played } from "./played.js";

const FRAME = 1 / 25, SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4], SEEKS = { repeats: true };

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
      describedBy: document.getElementById("curves-in-words")?.id });
    this.clock = document.createElement("p");
    this.clock.className = "clock";
    this.append(this.clock, this.lanes.svg);
    if (data.reporting) this.report(data.reporting);
    for (const name of ["timeupdate", "seeked", "ratechange"]) this.video.addEventListener(name, () => this.show());
    this.seeks = (event) => {
      const button = event.target.closest?.("[data-seek]");
      if (button) { this.seek(Number(button.dataset.seek)); this.scrollIntoView({ block: "nearest" }); }
    };
    document.addEventListener("click", this.seeks);
    this.keys = [
      key("k", "play and pause", () => this.toggle()),
      key(" ", "", () => this.toggle()),
      key("j", "5 s back", () => this.by(-5), SEEKS),
      key("l", "5 s on", () => this.by(5), SEEKS),
      key("ArrowLeft", "1 s back", () => this.by(-1), SEEKS),
      key("ArrowRight", "1 s on", () => this.by(1), SEEKS),
      key(",", "a frame back", () => this.by(-FRAME), SEEKS),
      key(".", "a frame on", () => this.by(FRAME), SEEKS),
      key("[", "the finding before", () => this.finding(-1), SEEKS),
      key("]", "the next finding", () => this.finding(1), SEEKS),
      key("o", "play this finding over and over, and stop", () => this.loop()),
      key("-", "slower", () => this.speed(-1)),
      key("+", "faster", () => this.speed(1)),
    ];
    if (data.reporting) this.keys.push(key("n", "what has not been played yet", () => this.next()));
    this.video.addEventListener("timeupdate", () => {
      if (this.looping && this.video.currentTime >= this.looping.t1) this.seek(this.looping.t0);
    });
    this.show();
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.seeks);
    for (const one of this.keys ?? []) one.forget();
    this.reporter?.end();
    this.video?.pause();
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
      (event) => event.formData.set("played", this.reporter.untold()));
    document.querySelector("[data-play-missing]")?.addEventListener("click", () => { this.next(); this.video.play(); });
    this.counted(state);
  }

  counted(state) {
    this.missing = state.missing;
    this.lanes.counted(state);
    document.dispatchEvent(new CustomEvent("greenroom:played", { detail: state }));
  }

  remark() {
    const video = this.video, silent = video.muted || video.volume === 0;
    this.note.textContent = this.stopped ?? (silent ? "The sound is off: these seconds do not count as played."
      : video.playbackRate > 2 ? "Faster than twice does not count as played." : "");
  }

  toggle() { if (this.video.paused) this.video.play(); else this.video.pause(); }

  by(seconds) { this.seek(this.video.currentTime + seconds); }

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

  loop() {
    const at = this.video.currentTime;
    this.looping = this.looping ? null
      : this.spans.map((span) => ({ t0: span.t0, t1: Math.max(span.t1, span.t0 + 0.5) }))
        .sort((a, b) => Math.abs(a.t0 - at) - Math.abs(b.t0 - at))[0] ?? null;
    if (this.looping) { this.seek(this.looping.t0); this.video.play(); }
    this.show();
  }

  speed(way) {
    const now = SPEEDS.findIndex((rate) => rate >= this.video.playbackRate);
    this.video.playbackRate = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, now + way))];
  }

  seek(seconds) { this.video.currentTime = Math.min(this.duration, Math.max(0, seconds)); this.show(); }

  show() {
    const t = this.video.currentTime, rate = this.video.playbackRate;
    this.lanes.show(t);
    this.clock.textContent = `${t.toFixed(2)} s of ${this.duration.toFixed(2)} s`
      + (rate === 1 ? "" : `, ${rate} times the speed`) + (this.looping ? ", over and over" : "") + ". ? lists the keys.";
  }
}

customElements.define("evidence-player", EvidencePlayer);
