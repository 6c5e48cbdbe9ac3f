// Boxes over the picture: where a gate or a person points at, and a place that somebody is marking.
//
// The drawing has the picture's own size and is fitted into the same box by the same rule, bars at its sides included.

import { shape } from "./lanes.js";

export class Overlay {
  // `marks()`: what has a place, each {t0, t1, region, kind, words}; without t0 it is there all the time.
  constructor(video, marks) {
    Object.assign(this, { video, marks, marking: null, marked: null });
    this.svg = shape("svg", { class: "overlay", "aria-hidden": "true", preserveAspectRatio: "xMidYMid meet" });
    this.video.after(this.svg);
    for (const name of ["loadedmetadata", "resize"]) video.addEventListener(name, () => this.fit());
    this.svg.addEventListener("pointerdown", (event) => this.begin(event));
    this.svg.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) this.svg.addEventListener(name, () => this.end());
    this.fit();
  }

  fit() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) return;
    this.svg.setAttribute("viewBox", `0 0 ${videoWidth} ${videoHeight}`);
    this.show(this.video.currentTime);
  }

  show(seconds) {
    if (!this.video.videoWidth) return;
    const now = this.marks().filter(({ t0, t1 }) => t0 === null || (seconds >= t0 - 0.05 && seconds <= Math.max(t1 ?? t0, t0 + 0.2) + 0.05));
    const drawn = JSON.stringify([now, this.marked, this.video.videoWidth]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.svg.replaceChildren(...now.map((one) => this.box(one.region, `place ${one.kind}`, one.words)));
    if (this.marked) this.svg.append(this.box(this.marked, "place marked", ""));
  }

  box([x, y, width, height], kind, words) {
    const { videoWidth: w, videoHeight: h } = this.video;
    const one = shape("rect", { class: kind, x: x * w, y: y * h, width: width * w, height: height * h });
    if (words) one.append(shape("title", {}, words));
    return one;
  }

  // Let somebody draw a place; `done(region)` hears of it. Without `done` nothing is drawn any more.
  mark(done) {
    this.marking = done ?? null;
    this.svg.classList.toggle("marking", Boolean(done));
  }

  // The place that is being marked; null: none.
  put(region) { this.marked = region; this.show(this.video.currentTime); }

  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within(point.x / this.video.videoWidth), within(point.y / this.video.videoHeight)];
  }

  begin(event) {
    if (!this.marking) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    this.from = this.at(event);
  }

  drag(event) {
    if (!this.from) return;
    const [x, y] = this.at(event), [a, b] = this.from;
    this.put([Math.min(a, x), Math.min(b, y), Math.abs(x - a), Math.abs(y - b)]);
  }

  end() {
    if (!this.from) return;
    this.from = null;
    if (this.marked && this.marked[2] > 0.005 && this.marked[3] > 0.005) this.marking?.(this.marked);
    this.mark(null);
  }
}
