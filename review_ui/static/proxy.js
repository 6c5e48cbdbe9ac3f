// A browser that cannot play the file gets a proxy of it, made by a worker. The reports say so, and so does the decision.

const FIRST = 2000, SLOWEST = 15_000, LONGEST = 15 * 60_000, NOT_PLAYED = [3, 4];  // MediaError: decode, not supported

// Watch a video; `say(words)` tells the person, `ready(address)` is called once there is a proxy.
export function proxyFor(video, { address, csrf, say, ready }) {
  let asked = false;
  const failed = async () => {
    if (asked || !NOT_PLAYED.includes(video.error?.code)) return;
    asked = true;
    say("This browser cannot play the file. A proxy of it is being made, and a decision will say that the proxy was played.");
    if (await made(address, csrf)) ready(`${address}.webm`);
    else say("This browser cannot play the file, and no proxy could be made. Try another browser.");
  };
  video.addEventListener("error", failed);
  failed();
}

async function made(address, csrf) {
  const headers = { accept: "application/json", "x-csrf-token": csrf };
  let answer = await fetch(address, { method: "POST", headers }).catch(() => null);
  const until = performance.now() + LONGEST;
  for (let pause = FIRST; answer?.ok && performance.now() < until; pause = Math.min(SLOWEST, 1.5 * pause)) {
    if ((await answer.json()).ready) return true;
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    answer = await fetch(address, { headers }).catch(() => null);
  }
  return false;
}
