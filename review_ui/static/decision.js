// A reviewer decides with a key, has ten seconds to take it back (pending.js), and is at the next video at once.
//
// No key and no click decides in the first moment of a video: the second of two quick presses was meant for the one
// before. What was typed stays in this tab until the decision is through.

import "./passkey.js";
import { hint } from "./foot.js";
import { key } from "./keys.js";
import { watch } from "./lease.js";
import { load } from "./pages.js";
import { hold, undo, unsent } from "./pending.js";

const FIRST_LOOK = 700;

class DecisionManner extends HTMLElement {
  connectedCallback() {
    this.listen = (event) => this.show(event.detail);
    document.addEventListener("greenroom:played", this.listen);
  }

  disconnectedCallback() { document.removeEventListener("greenroom:played", this.listen); }

  show(state) {
    this.querySelectorAll("[data-when]").forEach((part) => { part.hidden = part.dataset.when !== state.manner; });
    this.querySelector("[data-proxy]").hidden = !state.proxy;
    this.querySelectorAll("[data-count]").forEach((part) => {
      part.textContent = state[part.dataset.count];
      part.closest("[data-line]").hidden = state[part.dataset.count] === 0;
    });
  }
}

customElements.define("decision-manner", DecisionManner);

// The form of the video that is shown; none while its decision is pending.
const form = () => document.querySelector("form[data-decision]:not([inert])");

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

// The next one of the list that the address names. What is on its way is not offered again.
async function next(form) {
  hint();
  const { action } = form, body = new URLSearchParams(new FormData(form));
  body.set("without", unsent().slice(0, 10).join());
  if (await load(action, { method: "POST", body }) && location.pathname === "/")
    hint(location.search ? "Nothing else of what you chose waits for you." : "Nothing else waits for you.");
}

function mount() {
  const one = form();
  watch(one);
  if (!one) return;
  drafts.back(one);
  one.addEventListener("input", () => drafts.keep(one));
  const decides = one.querySelectorAll("[data-done]");
  decides.forEach((button) => { button.disabled = true; });
  setTimeout(() => decides.forEach((button) => { button.disabled = false; }), FIRST_LOOK);
}

document.addEventListener("submit", (event) => {
  const one = event.target;
  if (event.defaultPrevented) return;
  if (one.matches("[data-next]")) { event.preventDefault(); next(one); return; }
  if (!one.matches("[data-decision]")) return;
  event.preventDefault();
  if (one.inert) return;
  const { submitter } = event, sendsBack = submitter?.matches("[formaction]"), { code, note } = one.elements;
  if (sendsBack && !note.value.trim() && (code.value === "" || code.value === "other" || submitter.closest(".back") === null)) {
    hint(submitter.closest(".back") ? "Choose a reason, or say in a note what is wrong." : "Say in the note what the question is.");
    note.focus();
    return;
  }
  drafts.keep(one);
  hold(one, submitter, () => drafts.drop(one.dataset.decision));
  next(document.querySelector("[data-next]"));
});

document.addEventListener("click", (event) => {
  const one = form();
  if (!one) return;
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
  hint(how === "reject" ? "Reject: press the number of a reason, then Enter." : "Ask for a change: press the number of what should change, then Enter.");
}

function press(selector) {
  const button = form()?.querySelector(selector);
  if (button?.disabled) hint("This video has only just come: look at it, then press again.");
  else button?.click();
}

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
  else if (back) press(`[formaction*="/${sendsBackAs}"]`);
});
key("t", "add this moment to what is sent back", () => press("[data-this-moment]"));
key("s", "skip to the next one", () => press("[data-skip]"));
key("e", "hand on to a senior reviewer", () => press('[formaction*="/hand-on"]'));
key("z", "undo, for ten seconds", undo);
key("w", "write a note", () => form()?.elements.note.focus());

document.addEventListener("greenroom:page", mount);
mount();
