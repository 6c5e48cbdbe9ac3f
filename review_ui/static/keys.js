// Keys of a page: they work wherever the focus is, but not where somebody types, and `?` lists them.
// A button that is focused keeps its space and Enter; a video its own keys are taken over, so that each does one thing.
// A key that is held down acts once, unless it seeks: what repeats would act on pages that nobody has looked at.

const keys = [];

const named = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", Enter: "Enter" };

// Do something for a key for as long as it is not forgotten. Without words it is not listed.
export function key(name, words, does, { repeats = false } = {}) {
  const one = { name, words, does, repeats, forget: () => { const at = keys.indexOf(one); if (at >= 0) keys.splice(at, 1); } };
  keys.push(one);
  return one;
}

const typing = (node) => node?.closest?.("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button])");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "?") { list(); event.preventDefault(); return; }
  if (event.key === " " && event.target.closest?.("button, a, summary, label, input")) return;
  const one = keys.find(({ name }) => name === event.key || name === event.key.toLowerCase());
  if (!one) return;
  event.preventDefault();
  if (!event.repeat || one.repeats) one.does(event);
}, { capture: true });

// The list is a dialog: it has the focus until it is closed, and gives it back.
function list() {
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const title = document.createElement("h2");
  title.id = "keys-title";
  title.textContent = "Keys";
  const table = document.createElement("dl");
  for (const { name, words } of keys.filter((one) => one.words)) {
    const term = document.createElement("dt"), meaning = document.createElement("dd"), cap = document.createElement("kbd");
    cap.textContent = named[name] ?? name.toUpperCase();
    term.append(cap);
    meaning.textContent = words;
    table.append(term, meaning);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(title, table, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("click", (event) => { if (event.target.closest?.("[data-list-keys]")) list(); });
