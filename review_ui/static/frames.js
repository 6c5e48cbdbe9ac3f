// When each frame of a video is shown, exactly: as the server read it from the file's own clock. A frame number that is
// guessed from a rate is wrong wherever the clock is uneven.

export class Frames {
  // `first / base` seconds, and then in `steps` of [ticks, how often].
  constructor({ base, first, steps }) {
    this.base = base;
    this.ticks = [first];
    for (const [step, often] of steps) for (let n = 0; n < often; n += 1) this.ticks.push(this.ticks.at(-1) + step);
  }

  get last() { return this.ticks.length - 1; }

  // The frame that is shown at a moment; players round their time to microseconds, so a hair before its start counts.
  index(seconds) {
    const at = (seconds + 2e-6) * this.base;
    let low = 0, high = this.last;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.ticks[middle] <= at) low = middle; else high = middle - 1;
    }
    return low;
  }

  // A moment well inside a frame: a seek to its very start may show the one before.
  inside(index, duration) {
    const start = this.ticks[index], end = this.ticks[index + 1] ?? Math.max(start + 1, duration * this.base);
    return (start + Math.min((end - start) / 2, this.base / 20)) / this.base;
  }

  seconds(index) { return this.ticks[index] / this.base; }

  // Its time as a fraction of whole numbers: 37/25.
  exact(index) {
    const [over, under] = [this.ticks[index], this.base], by = common(over, under) || 1;
    return under === by ? `${over / by}` : `${over / by}/${under / by}`;
  }
}

const common = (a, b) => (b ? common(b, a % b) : a);
