// What was played, as the browser knows it, told to the server every two seconds, at each pause, and with the decision.
// A second counts while the video runs in front of somebody: not in a hidden tab, not under a cover, not without sound (a
// finding may be in the sound alone), not faster than twice, and never by seeking or by single frames. The server holds it to its clock.

const FASTEST = 2, EVERY = 2000, LONGEST_STEP = 1, MOST = 60;

export class Played {
  // Calls `told(state)` with the server's answers, and `stopped(words)` once it will not be told any more.
  constructor(video, { views, csrf, duration, told, stopped }) {
    Object.assign(this, { video, views, csrf, duration, told, stopped, fresh: [], sending: [], last: null, busy: false, over: false });
    const tick = () => this.tick();
    for (const name of ["play", "playing", "timeupdate", "ratechange", "volumechange"]) video.addEventListener(name, tick);
    // The server's clock starts with the first play: what is told later is held to the time since then.
    video.addEventListener("play", () => { this.follow(); this.opened().catch((error) => this.failed(error)); });
    video.addEventListener("seeking", () => { this.last = null; });
    for (const name of ["pause", "ended"]) video.addEventListener(name, () => { this.tick(); this.tell(); });
    document.addEventListener("visibilitychange", () => { this.tick(); if (document.hidden) this.tell(true); });
    this.timer = setInterval(() => this.tell(), EVERY);
  }

  // The video goes: what is left is told, and then nothing more.
  end() { this.tick(); this.tell(true); clearInterval(this.timer); }

  counts() {
    const video = this.video;
    return !video.paused && !video.seeking && !document.hidden && !video.closest("[covered]") && !video.muted
      && video.volume > 0
      && video.playbackRate <= FASTEST;
  }

  follow() {  // animation frames stop where nobody can see them
    this.tick();
    if (!this.video.paused && !this.over) requestAnimationFrame(() => this.follow());
  }

  tick() {
    const wall = performance.now() / 1000;
    let at = this.video.currentTime;
    if (this.video.ended && Math.abs(at - this.duration) < 0.5) at = this.duration;
    if (this.last && !this.video.seeking) {
      const step = at - this.last.at, passed = wall - this.last.wall;
      if (step > 0 && passed < LONGEST_STEP && step <= FASTEST * 1.05 * passed + 0.1) this.add(this.last.at, at);
    }
    this.last = this.counts() ? { at, wall } : null;
  }

  add(from, to) {
    const run = this.fresh.at(-1);
    if (run && run[1] === from) run[1] = to;
    else if (this.fresh.length < MOST) this.fresh.push([from, to]);
  }

  // What was not told yet, for the form of a decision: it arrives with it, before it is made.
  untold() { this.tick(); return JSON.stringify([...this.sending, ...this.fresh].slice(-MOST)); }

  async tell(leaving = false) {
    if (!this.fresh.length || this.busy || this.over) return;
    const ranges = this.sending = this.fresh;
    this.fresh = [];
    this.busy = true;
    try {
      this.told(await this.post(`${this.views}/${await this.opened()}/played`, { ranges }, leaving));
    } catch (error) {
      this.failed(error);
      if (!this.over) this.fresh = [...ranges, ...this.fresh].slice(-MOST);  // the network; it is told again
    } finally { this.busy = false; this.sending = []; }
  }

  // From now on a proxy is what is played.
  byProxy() {
    Object.assign(this, { proxy: true, view: undefined, fresh: [], last: null });
    this.opened().catch((error) => this.failed(error));
  }

  opened() {
    this.view ??= this.post(this.proxy ? `${this.views}?proxy=true` : this.views, null).then((answer) => { this.told(answer); return answer.view; },
      (error) => { this.view = undefined; throw error; });
    return this.view;
  }

  failed(error) {
    if (!(error instanceof Refused) || this.over) return;
    this.over = true;
    this.stopped(error.message);
  }

  async post(address, content, leaving = false) {
    const answer = await fetch(address, { method: "POST", redirect: "manual", keepalive: leaving,
      headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": this.csrf },
      body: content === null ? undefined : JSON.stringify(content) });
    if (answer.ok) return answer.json();
    if (answer.status >= 500) throw new Error("try again");
    const problem = await answer.json().catch(() => null);
    throw new Refused(problem ? `Playing is not counted: ${problem.error.what}.` : "Playing is not counted: you were signed out.");
  }
}

class Refused extends Error {}
