// While somebody writes a campaign: what would be said, what the rules say, and a row for each field that the text names.
// Without this script the button "Check it" brings the same.

const PAUSE = 350;  // ms without a key

class CampaignEditor extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.rows = this.querySelector(".field-rows");
    this.schema = this.form.elements.schema;
    this.asJson = this.form.elements.described;
    this.kept = new Map();  // rows whose field the text does not name at this moment, with what was typed in them
    this.turn = 0;
    this.classList.add("live");
    this.form.addEventListener("input", () => this.soon());
    this.form.addEventListener("change", () => this.fit());
    this.still = this.querySelector(".still img");
    this.still.addEventListener("load", () => this.seen(true));
    this.still.addEventListener("error", () => this.seen(false));  // the look says why nobody can be shown
    this.see(this.still.getAttribute("src"));
    this.querySelector(".hear").addEventListener("click", () => this.hear());
    this.form.addEventListener("submit", () => this.making(true));
    addEventListener("pageshow", () => this.making(false));  // somebody came back to this page
    this.fit();
    if (this.form.elements.template.value) this.look();
  }

  soon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.look(), PAUSE);
  }

  // Two presses make one campaign.
  making(on) {
    setTimeout(() => { this.querySelector("button.main").disabled = on; });
  }

  // Of two looks that are on their way only the later one is shown, whichever answers first.
  async look() {
    const turn = this.turn += 1;
    const answer = await this.ask("/campaigns/look");
    if (turn !== this.turn) return;
    if (!answer.ok) return this.say(await words(answer));
    const told = await answer.json();
    if (turn !== this.turn) return;
    this.say("");
    this.see(told.still);
    this.querySelector(".look").replaceChildren(...parsed(told.look));
    this.name(told.names, parsed(told.rows));
    if (!this.asJson.checked) this.schema.value = told.schema;
  }

  // The same picture is not fetched anew at each key.
  see(address) {
    if (!address) this.seen(false);
    else if (this.still.getAttribute("src") !== address) this.still.src = address;
    else if (this.still.complete) this.seen(this.still.naturalWidth > 0);
  }

  seen(yes) {
    this.still.parentElement.hidden = !yes;
  }

  // A row that is there stays as it is; one that the text names no more waits, should it come back.
  name(names, fresh) {
    const there = new Map([...this.rows.querySelectorAll("[data-field]")].map((row) => [row.dataset.field, row]));
    if (names.length === there.size && names.every((name) => there.has(name))) return;
    for (const [name, row] of there) this.kept.set(name, row);
    const made = new Map(fresh.filter((one) => one.dataset?.field).map((one) => [one.dataset.field, one]));
    const wanted = names.map((name) => this.kept.get(name) ?? made.get(name));
    this.rows.replaceChildren(...(wanted.length ? wanted : fresh));
    this.fit();
  }

  // Only what a kind of field has is asked for.
  fit() {
    for (const row of this.rows.querySelectorAll("[data-field]")) {
      const kind = row.querySelector("select").value;
      for (const part of row.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
    }
  }

  async hear() {
    const sound = this.querySelector("audio"), button = this.querySelector(".hear");
    button.disabled = true;
    try {
      const answer = await this.ask("/campaigns/hear");
      this.say(answer.ok ? "" : await words(answer));
      if (!answer.ok) return;
      URL.revokeObjectURL(sound.src);
      sound.src = URL.createObjectURL(await answer.blob());
      sound.hidden = false;
      await sound.play().catch(() => {});  // a browser that wants a press of its own has the controls
    } finally {
      button.disabled = false;
    }
  }

  ask(address) {
    const body = new URLSearchParams(new FormData(this.form));
    return fetch(address, { method: "POST", body, headers: { accept: "application/json" } }).catch(() => new Response("", { status: 503 }));
  }

  say(told) {
    const note = this.querySelector(".note");
    if (note.textContent !== told) note.textContent = told;
  }
}

async function words(answer) {
  try {
    const { what, next } = (await answer.json()).error;
    return `${what[0].toUpperCase()}${what.slice(1)}. Next: ${next}.`;
  } catch {
    return "There was no answer. What you typed is still here.";
  }
}

// Markup of our own templates, in which every string is escaped; parsed here, no script in it would run.
const parsed = (html) => [...new DOMParser().parseFromString(html, "text/html").body.children].map((one) => document.adoptNode(one));

customElements.define("campaign-editor", CampaignEditor);
