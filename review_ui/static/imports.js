/* Several finished videos are sent one after the other, each with the script file of its own name. One video goes as
   the form itself: nothing here is needed for that. */

const form = document.querySelector("form[data-imports]");
const list = document.querySelector("[data-done]");

const stem = (file) => file.name.replace(/\.[^.]*$/, "").toLowerCase();

function line(text) {
  const item = document.createElement("li");
  item.append(document.createElement("span"), document.createElement("span"));
  item.firstChild.textContent = text;
  list.append(item);
  return item.lastChild;
}

async function send(video, script, key) {
  const body = new FormData();
  for (const name of ["csrf", "at_brand", "campaign", "engine"]) body.set(name, form.elements[name].value);
  body.set("key", key);
  body.set("file", video);
  if (script) body.set("script_file", script);
  const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" } });
  const said = await answer.json();
  if (!answer.ok) throw new Error([said.error.what, said.error.next].filter(Boolean).join(". "));
  return said.render;
}

async function sendAll(event) {
  const videos = [...form.elements.file.files];
  if (videos.length < 2) return;
  event.preventDefault();
  const scripts = new Map([...form.elements.script_file.files].map((file) => [stem(file), file]));
  const key = form.elements.key.value;
  const button = form.querySelector("button");
  button.disabled = true;
  list.hidden = false;
  for (const [number, video] of videos.entries()) {
    const script = scripts.get(stem(video));
    const state = line(`${video.name}${script ? ` with ${script.name}` : ", no script"}`);
    state.textContent = "being sent";
    try {
      const link = document.createElement("a");
      link.href = `/renders/${await send(video, script, `${key}-${number}`)}`;
      link.textContent = "is in";
      link.setAttribute("aria-label", `${video.name} is in: look at it`);
      state.replaceChildren(link);
    } catch (problem) {
      state.textContent = problem.message || "it could not be sent";
    }
  }
  button.disabled = false;
}

if (form) {
  form.elements.file.multiple = true;
  form.elements.script_file.multiple = true;
  form.querySelector("[data-several]").hidden = false;
  form.addEventListener("submit", sendAll);
}
