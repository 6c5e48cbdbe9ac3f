// Sends the file as it is dropped or chosen, and tells what happens: how much has arrived, how many are before it, which
// part of the check runs. The answer is the page's own; without this script the form brings it.

const PARTS = {
  credential: "Reading the content credential",
  mark: "Looking for the invisible mark",
  fingerprint: "Comparing it with the released video",
  picture: "Taking a picture of it",
};

function step(told) {
  if ("ahead" in told) return told.ahead === 1 ? "Waiting: one file is before yours." : `Waiting: ${told.ahead} files are before yours.`;
  return `${PARTS[told.part] ?? "Checking"}\u2026`;
}

class VerifyForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.shown = this.querySelector(".progress");
    this.input = this.querySelector("input[type=file]");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(this.input.files[0]); });
    this.querySelector(".stop").addEventListener("click", () => this.request?.abort());
    const over = (on) => (event) => { event.preventDefault(); document.body.classList.toggle("over", on); };
    addEventListener("dragover", over(true));
    addEventListener("dragleave", over(false));
    addEventListener("drop", (event) => { over(false)(event); this.send(event.dataTransfer.files[0]); });
  }

  send(file) {
    if (!file || this.request) return;
    if (file.size > Number(this.dataset.most)) {
      this.form.reset();
      return this.put(this.box(`this is larger than ${Number(this.dataset.most) / 1e6} MB`, "send a smaller file"));
    }
    const request = this.request = new XMLHttpRequest(), data = new FormData(), bar = this.querySelector("progress");
    data.append("file", file);
    let read = 0, answer = null, stopped = false;
    this.show(true, file.name);
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.loaded / event.total;
      this.say(`Uploading: ${Math.floor(bar.value * 100)} %`);
    });
    request.upload.addEventListener("load", () => { bar.removeAttribute("value"); this.say("Arrived."); });
    const lines = () => {
      for (let end; request.status === 200 && (end = request.responseText.indexOf("\n", read)) >= 0; read = end + 1) {
        const told = JSON.parse(request.responseText.slice(read, end));
        if (told.html) answer = told.html; else this.say(step(told));
      }
    };
    request.addEventListener("progress", lines);
    request.addEventListener("abort", () => { stopped = true; });
    request.addEventListener("loadend", () => {
      lines();
      this.request = null;
      this.show(false, "");
      this.put(answer ?? (stopped ? this.box("you stopped this check", "choose a file to check") : this.refusal(request)));
    });
    request.open("POST", this.form.action);
    request.setRequestHeader("accept", "application/x-ndjson");
    request.send(data);
  }

  show(running, name) {
    this.form.hidden = running;
    this.shown.hidden = !running;
    this.shown.querySelector(".name").textContent = name;
    if (running) { this.say("Uploading: 0 %"); this.querySelector("progress").value = 0; this.querySelector(".stop").focus(); }
    else this.form.reset();
  }

  say(words) {
    const said = this.querySelector(".step");
    if (said.textContent !== words) said.textContent = words;
  }

  // What the server said instead of an answer, or that it said nothing.
  refusal(request) {
    let told;
    try { told = JSON.parse(request.responseText).error; } catch { /* it was cut off */ }
    told ??= { what: "there was no answer", next: "see whether you are connected, and try again" };
    return this.box(told.what, told.next);
  }

  box(said, after) {
    const box = document.createElement("div"), what = document.createElement("p"), next = document.createElement("p");
    box.className = "problem";
    box.setAttribute("role", "alert");
    what.textContent = `${said[0].toUpperCase()}${said.slice(1)}.`;
    next.textContent = `Next: ${after}.`;
    box.append(what, next);
    return box.outerHTML;
  }

  put(html) {
    const place = document.getElementById("answer");
    // Markup of our own templates, in which every string is escaped; parsed here, no script in it would run.
    place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    const verdict = place.querySelector("#verdict");
    document.title = `${verdict ? `${verdict.textContent} - ` : ""}Verify a video - Greenroom`;
    (verdict ?? this.input).focus();
    (verdict ?? place).scrollIntoView({ block: "nearest" });
  }
}

customElements.define("verify-form", VerifyForm);
