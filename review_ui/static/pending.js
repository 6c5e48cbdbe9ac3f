// A decision waits for ten seconds in this page alone; until then taking it back leaves nothing to take back.
//
// It is sent earlier where the next one is made, where "Send now" is pressed, and before the page is left by a form or a
// link: that may end the session that it was made in. One that is refused is said at the foot of the page (foot.js).

import { button, hint, link, refuse, tell } from "./foot.js";
import { drop, load, refresh } from "./pages.js";

// Its page, with the list that the person came from in its address.
const pageOf = (render, list) => `/renders/${render}${list}`;

const UNDO_SECONDS = 10, LONGEST = 15_000;

let pending = null, sent = Promise.resolve(), leaving = false;
const flights = new Set();

// The renders whose decisions are not through: they are not to be offered again.
export const unsent = () => [...(pending ? [pending.render] : []), ...flights];

// The decision of a form waits from now on; `done` is called once it is recorded.
export function hold(one, submitter, done) {
  flush();
  const render = one.dataset.decision, words = submitter?.dataset.done ?? "Approved";
  const address = submitter?.hasAttribute("formaction") ? submitter.formAction : one.action;
  pending = { render, list: location.search, words, address, who: one.dataset.who, body: new FormData(one, submitter), left: UNDO_SECONDS, done };
  one.inert = true;  // it stays until the next page is there: nothing more is decided in it
  const left = document.createElement("span");
  const count = () => { left.textContent = ` Sent in ${pending.left} s. `; };
  pending.timer = setInterval(() => { pending.left -= 1; if (pending.left > 0) count(); else flush(); }, 1000);
  count();
  left.setAttribute("aria-hidden", "true");  // the seconds are not read out one by one
  tell(`${named(pending)}.`, left, button("Undo", undo, "Z"), button("Send now", () => flush()));
}

const named = ({ words, render }) => `${words}: ${render.slice(-8)}`;

function taken() {
  const one = pending;
  clearInterval(one.timer);
  pending = null;
  tell();
  return one;
}

export function undo() {
  if (!pending) return;
  const { render, list } = taken();
  drop();  // the next page, where it is slow
  hint("Taken back: nothing was sent.");
  if (!revive(render)) load(pageOf(render, list));
}

// The form that a decision was made in can be used again; whether it is still here.
function revive(render) {
  const one = document.querySelector(`form[data-decision="${CSS.escape(render)}"]`);
  if (!one) return false;
  one.inert = false;
  if (one.elements.passkey) one.elements.passkey.value = "";
  return true;
}

// Sends what is pending. Kept when all that was sent has its answer, or is given up.
export function flush() {
  if (pending) {
    const one = taken();
    flights.add(one.render);
    sent = Promise.all([sent, send(one).finally(() => flights.delete(one.render))]);
  }
  return sent;
}

async function send(one) {
  // The token of now: the person may have signed in anew. Never another person's: it would be their decision.
  const account = document.querySelector("[data-account]");
  if (account?.dataset.account === one.who) one.body.set("csrf", account.elements.csrf.value);
  const back = { of: one.render, who: one.who, address: pageOf(one.render, one.list), to: "Back to it" };
  let answer, problem;
  try {
    answer = await fetch(one.address, { method: "POST", body: new URLSearchParams(one.body), keepalive: true,
      redirect: "manual", headers: { accept: "application/json" }, signal: AbortSignal.timeout(LONGEST) });
    problem = answer.ok ? null : (await answer.json()).error;
  } catch {
    revive(one.render);
    refuse({ ...back, words: `${named(one)} got no answer. Look whether it was recorded; what you typed is kept.` });
    return;
  }
  if (!problem) {
    one.done();
    if (!leaving) refresh(one.render);
    return;
  }
  revive(one.render);
  refuse({ ...back, words: `${named(one)} was not recorded: ${problem.what}. What you typed is kept.` });
}

async function leave(event, go) {
  event.preventDefault();
  event.stopImmediatePropagation();
  if (leaving) return;
  leaving = true;
  drop();
  hint("Your decision is sent first.");
  await flush();
  leaving = false;
  hint();
  go();
}

addEventListener("submit", (event) => {
  const one = event.target, { submitter } = event;
  if (unsent().length && !one.matches("[data-decision], [data-next]")) leave(event, () => one.requestSubmit(submitter));
}, { capture: true });

addEventListener("click", (event) => {
  const to = event.target.closest?.("a[href]");
  if (!to || !unsent().length || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (to.target || to.hasAttribute("download")) return;
  const [page] = location.href.split("#");
  if (to.hash && to.href.startsWith(`${page}#`)) return;
  leave(event, () => location.assign(to.href));
}, { capture: true });

// `pushState` alone would leave Back with the address of one page and the content of another.
addEventListener("popstate", () => flush().then(() => location.reload()));

// Nothing can wait for the answer here, so that the next page says where to look for it.
addEventListener("pagehide", () => {
  if (!pending) return;
  const { render, list, who } = pending, words = `${named(pending)} was sent as its page was left. Look whether it was recorded.`;
  flush();
  refuse({ of: render, who, words, address: pageOf(render, list), to: "Look" });
});
