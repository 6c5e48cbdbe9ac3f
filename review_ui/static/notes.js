// Notes on a video: written beside it without losing one's place in it. The player is told of those that have seconds
// or a place; a place is drawn on the picture, or typed as shares of it.

import { hint } from "./foot.js";
import { key } from "./keys.js";

const section = () => document.querySelector("#notes");
const form = () => document.querySelector("#notes form");
const player = () => document.querySelector("evidence-player");
const PLACE = ["left", "top", "wide", "high"];

// What the page knows of notes with seconds or a place.
export function notes() {
  const data = document.querySelector("script[data-notes]");
  return data ? JSON.parse(data.textContent) : [];
}

const place = () => PLACE.map((name) => form().elements[name].value.trim());

function typed() {
  const values = place().map(Number);
  return place().every(Boolean) && values.every(Number.isFinite) ? values.map((one) => one / 100) : null;
}

function write() {
  const one = form(), video = player()?.video;
  if (!one || !video) return;
  one.closest("details").open = true;
  video.pause();
  if (!one.elements.at.value) one.elements.at.value = video.currentTime.toFixed(2);
  one.scrollIntoView({ block: "nearest" });
  one.elements.words.focus();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-note-here]")) write();
  if (!event.target.closest?.("[data-mark-place]")) return;
  const overlay = player()?.overlay;
  if (!overlay) return;
  overlay.video.pause();
  hint("Draw a box on the picture.");
  overlay.svg.scrollIntoView({ block: "nearest" });
  overlay.mark((region) => {
    hint();
    region.forEach((share, index) => { form().elements[PLACE[index]].value = (100 * share).toFixed(1); });
    form().elements.words.focus();
  });
});

document.addEventListener("input", (event) => {
  if (PLACE.includes(event.target.name) && event.target.form === form()) player()?.overlay?.put(typed());
});

document.addEventListener("submit", async (event) => {
  const one = event.target;
  if (one !== form() || event.defaultPrevented) return;
  event.preventDefault();
  if (one.inert) return;
  one.inert = true;
  const sent = { method: "POST", body: new URLSearchParams(new FormData(one)), headers: { accept: "application/json" } };
  const answer = await fetch(one.action, sent).catch(() => null);
  one.inert = false;
  if (answer?.ok && !answer.redirected) { await renew(); return; }
  const problem = await answer?.json().catch(() => null);
  hint(problem ? `${problem.error.what}: ${problem.error.next_step ?? ""}` : "The note was not saved: try again.");
  one.elements.words.focus();
});

// The list as it is now, in the place of the one that is shown.
async function renew() {
  const answer = await fetch(location.href).catch(() => null);
  const fresh = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#notes");
  if (!fresh) { location.reload(); return; }
  section().replaceWith(document.adoptNode(fresh));
  player()?.overlay?.put(null);
  document.dispatchEvent(new CustomEvent("greenroom:notes"));
  hint("The note is saved.");
  document.querySelector("#notes h2").focus();
}

key("m", "write a note on this moment", write);
