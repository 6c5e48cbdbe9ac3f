// A video is held for whoever looks at it, for as long as its page is in front and somebody is there: no longer than five
// minutes and the length of the video after the last key or movement.

const RENEW = 30_000, IDLE = 300_000;

let one = null, renewing = 0, touched = 0, pointer = "";

export function watch(form) {
  clearInterval(renewing);
  one = form;
  touched = performance.now();
  if (!one) return;
  look();
  renewing = setInterval(look, RENEW);
}

function rests() {
  const length = document.querySelector("video")?.duration || 0;
  return performance.now() - touched > IDLE + 1000 * length;
}

async function look() {
  const here = one;
  if (document.hidden || rests() || !here.isConnected) return;
  const answer = await fetch(`/renders/${here.dataset.decision}/lease`, { method: "POST",
    headers: { accept: "application/json", "x-csrf-token": here.elements.csrf.value } }).catch(() => null);
  if (!answer?.ok) return;
  const { mine, holder } = await answer.json(), told = here.querySelector("[data-held]");
  told.hidden = mine;
  told.textContent = mine ? "" : `${holder} is deciding over this video now. Take the next one.`;
}

function touch(event) {
  if (event.type === "pointermove") {  // where the pointer rests, a page that moves is no person
    const place = `${event.screenX} ${event.screenY}`;
    if (place === pointer) return;
    pointer = place;
  }
  const again = one && rests();
  touched = performance.now();
  if (again) look();
}

for (const name of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"]) {
  addEventListener(name, touch, { capture: true, passive: true });
}
