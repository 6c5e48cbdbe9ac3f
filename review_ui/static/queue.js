// The queue, kept true while it is in front: who looks at what, asked three times a minute and not at all while nobody
// sees it; and pictures that were not ready yet. What was asked once and failed is asked later and later.

const EVERY = 20_000, SLOWEST = 320_000, TRIES = 6;

let pause = EVERY, next = 0;

async function look() {
  clearTimeout(next);
  const places = document.querySelectorAll("[data-looking]");
  if (!places.length || document.hidden) return;
  const answer = await fetch("/review/looking", { headers: { accept: "application/json" } }).catch(() => null);
  if (answer?.ok && !answer.redirected) {
    pause = EVERY;
    show(places, await answer.json());
  } else pause = Math.min(SLOWEST, 2 * pause);
  later();
}

function show(places, looking) {
  for (const place of places) {
    const who = looking[place.dataset.looking];
    const words = who ? `${who} ${who === "You" ? "are" : "is"} looking at it` : "";
    if (place.textContent !== words) place.textContent = words;
  }
}

// Not all tabs at the same moment.
function later() {
  clearTimeout(next);
  next = setTimeout(look, pause * (0.8 + 0.4 * Math.random()));
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
document.addEventListener("greenroom:page", later);
later();

// Others are being made: it is asked for again in a while.
document.addEventListener("error", (event) => {
  const picture = event.target;
  if (!picture.matches?.("img.poster")) return;
  const tries = Number(picture.dataset.tries ?? 0) + 1;
  picture.classList.add("waits");
  if (tries > TRIES) return;
  picture.dataset.tries = tries;
  setTimeout(() => { picture.src = `${picture.src.split("?")[0]}?again=${tries}`; }, 1500 * tries * (0.5 + Math.random()));
}, { capture: true });
document.addEventListener("load", ({ target }) => target.classList?.remove("waits"), { capture: true });
