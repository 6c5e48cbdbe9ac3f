// A reviewer decides with a key, has ten seconds to take it back, and is at the next video at once.
//
// Nothing is sent before the ten seconds are over, so that taking it back leaves nothing behind on the server. It is sent
// earlier where the next decision is made, where "Send now" is pressed, and where the page is left. A decision that is
// refused, or that a lost session swallows, is said in words, and what was typed stays in this tab until it is through.

import "./passkey.js";
import { key } from "./keys.js";

const UNDO_SECONDS = 10, RENEW = 30_000;

class DecisionManner extends HTMLElement {
  connectedCallback() {
    this.listen = (event) => this.show(event.detail);
    document.addEventListener("greenroom:played", this.listen);
  }

  disconnectedCallback() { document.removeEventListener("greenroom:played", this.listen); }

  show(state) {
    this.querySelectorAll("[data-when]").forEach((part) => { part.hidden = part.dataset.when !== state.manner; });
    this.querySelectorAll("[data-count]").forEach((part) => {
      part.textContent = state[part.dataset.count];
      part.closest("[data-line]").hidden = state[part.dataset.count] === 0;
    });
  }
}

customElements.define("decision-manner", DecisionManner);

const form = () => document.querySelector("form[data-decision]");

// What is typed, kept for the same person in the same tab until the decision over it is through.
const drafts = {
  at: (render) => `greenroom-draft:${render}`,
  keep(one) {
    const { note, seconds, code } = one.elements;
    const typed = { who: one.dataset.who, note: note.value, seconds: seconds.value, code: code.value };
    sessionStorage.setItem(drafts.at(one.dataset.decision), JSON.stringify(typed));
  },
  back(one) {
    const typed = JSON.parse(sessionStorage.getItem(drafts.at(one.dataset.decision)) ?? "null");
    if (!typed || typed.who !== one.dataset.who) return drafts.drop(one.dataset.decision);
    for (const name of ["note", "seconds", "code"]) one.elements[name].value ||= typed[name];
    if (typed.code || typed.seconds) one.querySelector("details.back").open = true;
  },
  drop: (render) => sessionStorage.removeItem(drafts.at(render)),
};

// One line at the foot of the page, beside the pages that come and go.
const bar = document.createElement("div");
bar.className = "toast";
bar.setAttribute("role", "status");
bar.hidden = true;
document.body.append(bar);

function say(words, ...parts) {
  bar.setAttribute("role", "status");
  bar.replaceChildren(document.createTextNode(words), ...parts);
  bar.hidden = !words;
}

function button(words, does, name) {
  const one = document.createElement("button");
  one.textContent = words;
  if (name) { const cap = document.createElement("kbd"); cap.textContent = name; one.append(" ", cap); }
  one.addEventListener("click", does);
  return one;
}

function link(address, words) {
  const one = document.createElement("a");
  one.href = address;
  one.textContent = words;
  return one;
}

let pending = null;

// The decision waits here, in this page alone.
function hold(one, submitter) {
  flush();
  drafts.keep(one);
  const render = one.dataset.decision, done = submitter?.dataset.done ?? "Approved";
  const address = submitter?.hasAttribute("formaction") ? submitter.formAction : one.action;
  pending = { render, done, address, body: new FormData(one, submitter), left: UNDO_SECONDS };
  const left = document.createElement("span");
  const tell = () => { left.textContent = ` Sent in ${pending.left} s. `; };
  pending.timer = setInterval(() => { pending.left -= 1; if (pending.left > 0) tell(); else flush(); }, 1000);
  tell();
  left.setAttribute("aria-hidden", "true");  // the seconds are not read out one by one
  say(`${done}: ${render.slice(-8)}.`, left, button("Undo", undo, "Z"), button("Send now", () => flush()));
  next(render, render);
}

function undo() {
  if (!pending) return;
  clearInterval(pending.timer);
  const { render } = pending;
  pending = null;
  say("Taken back: nothing was sent.");
  load(`/renders/${render}`);
}

async function flush() {
  if (!pending) return;
  const one = pending;
  clearInterval(one.timer);
  pending = null;
  say("");
  try {
    const answer = await fetch(one.address, { method: "POST", body: new URLSearchParams(one.body), keepalive: true,
      headers: { accept: "application/json" } });
    if (answer.ok) {
      drafts.drop(one.render);
      if (form() === null && location.pathname === `/renders/${one.render}`) await load(location.href);
      return;
    }
    const { error } = await answer.json();
    const to = error.code === "sign_in_needed"
      ? link(`/sign-in?next=/renders/${one.render}`, "Sign in") : link(`/renders/${one.render}`, "Back to it");
    refused(`${one.done} was not recorded: ${error.what}. What you typed is kept. `, to);
  } catch {
    refused(`${one.done} could not be sent. What you typed is kept. `, link(`/renders/${one.render}`, "Back to it"));
  }
}

function refused(words, to) {
  say("");
  bar.setAttribute("role", "alert");
  bar.append(words, to);
  bar.hidden = false;
}

// Another page of the console in the place of this one, without a page load.
async function load(address, options = {}) {
  const answer = await fetch(address, options);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main");
  if (!main) { location.assign(address); return; }
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(main));
  if (answer.url !== location.href) history.pushState(null, "", answer.url);
  mount();
  scrollTo(0, 0);
  document.querySelector("main h1")?.focus();
}

// `pushState` alone would leave Back with the address of one page and the content of another.
addEventListener("popstate", () => location.reload());
addEventListener("pagehide", () => flush());

async function next(after, without = "") {
  const token = document.querySelector("[name=csrf]").value;
  try {
    await load("/review/next", { method: "POST", body: new URLSearchParams({ csrf: token, after, without }) });
  } catch {
    say("The next video could not be fetched. ", link("/", "The queue"));
  }
}

let renewing = 0;

async function look(one) {
  if (document.hidden || form() !== one) return;
  const answer = await fetch(`/renders/${one.dataset.decision}/lease`, { method: "POST",
    headers: { accept: "application/json", "x-csrf-token": one.elements.csrf.value } }).catch(() => null);
  if (!answer?.ok) return;
  const { mine, holder } = await answer.json(), told = one.querySelector("[data-held]");
  told.hidden = mine;
  told.textContent = mine ? "" : `${holder} is deciding over this video now. Take the next one.`;
}

function mount() {
  clearInterval(renewing);
  const one = form();
  if (!one) return;
  drafts.back(one);
  one.addEventListener("input", () => drafts.keep(one));
  look(one);
  renewing = setInterval(() => look(one), RENEW);
}

document.addEventListener("submit", (event) => {
  const one = event.target;
  if (event.defaultPrevented) return;
  if (one.matches("[data-next]")) { event.preventDefault(); next(one.elements.after.value, pending?.render); return; }
  if (!one.matches("[data-decision]")) return;
  event.preventDefault();
  const { submitter } = event, sendsBack = submitter?.matches("[formaction]"), { code, note } = one.elements;
  if (sendsBack && !note.value.trim() && (code.value === "" || code.value === "other" || submitter.closest(".back") === null)) {
    say(submitter.closest(".back") ? "Choose a reason, or say in a note what is wrong." : "Say in the note what the question is.");
    note.focus();
    return;
  }
  hold(one, submitter);
});

document.addEventListener("click", (event) => {
  const one = form();
  if (!one) return;
  if (event.target.closest("[data-skip]")) next(one.dataset.decision, pending?.render);
  if (event.target.closest("[data-this-moment]")) {
    const { seconds } = one.elements, at = document.querySelector("video").currentTime.toFixed(1);
    seconds.value = [seconds.value.trim(), at].filter(Boolean).join(", ");
    drafts.keep(one);
  }
});

let sendsBackAs = "reject";

function open(how) {
  const back = form()?.querySelector("details.back");
  if (!back) return;
  back.open = true;
  sendsBackAs = how;
  back.scrollIntoView({ block: "nearest" });
  (back.querySelector("[name=code]:checked") ?? back.querySelector("[name=code]")).focus();  // Enter is this panel's now
  say(how === "reject" ? "Reject: press the number of a reason, then Enter." : "Ask for a change: press the number of what should change, then Enter.");
}

const press = (selector) => form()?.querySelector(selector)?.click();

key("a", "approve", () => press("[data-key=a]"));
key("r", "reject: then a number, then Enter", () => open("reject"));
key("c", "ask for a change: then a number, then Enter", () => open("change"));
for (let number = 1; number <= 9; number += 1) {
  key(`${number}`, number === 1 ? "to 9: the reason" : "", () => {
    const back = form()?.querySelector("details.back[open]");
    const code = back?.querySelectorAll("[name=code]")[number - 1];
    code?.click();
    code?.focus();
  });
}
key("Enter", "", (event) => {
  const back = form()?.querySelector("details.back[open]");
  const own = event.target.closest?.("button, a, summary");
  if (own) own.click();
  else if (back) back.querySelector(`[formaction$="/${sendsBackAs}"]`).click();
});
key("t", "add this moment to what is sent back", () => press("[data-this-moment]"));
key("s", "skip to the next one", () => press("[data-skip]"));
key("e", "hand on to a senior reviewer", () => press('[formaction$="/hand-on"]'));
key("z", "undo, for ten seconds", undo);
key("w", "write a note", () => form()?.elements.note.focus());

mount();
