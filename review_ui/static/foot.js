// The foot of a page: what was refused, what is pending, and a hint. Each has its own place, and none takes another's.
//
// A refusal may come after its page was left. It stays in this tab, for the account that it was said to (and for nobody,
// at the sign-in), and is shown on every page of the console until somebody dismisses it.

const KEPT = "greenroom-refusals", MOST = 20;

function place(role) {
  const one = document.createElement("div");
  if (role) one.setAttribute("role", role);
  foot.append(one);
  return one;
}

const foot = document.createElement("div");
foot.className = "foot";
const refusals = place(), bar = place("status"), hints = place("status");
document.body.append(foot);

function toast(...parts) {
  const one = document.createElement("div");
  one.className = "toast";
  one.append(...parts);
  return one;
}

export function button(words, does, name) {
  const one = document.createElement("button");
  one.textContent = words;
  if (name) { const cap = document.createElement("kbd"); cap.textContent = name; one.append(" ", cap); }
  one.addEventListener("click", does);
  return one;
}

export function link(address, words) {
  const one = document.createElement("a");
  one.href = address;
  one.textContent = words;
  return one;
}

// Without parts there is nothing to say any more.
export const tell = (...parts) => bar.replaceChildren(...(parts.length ? [toast(...parts)] : []));
export const hint = (...parts) => hints.replaceChildren(...(parts.length ? [toast(...parts)] : []));

const kept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
const keep = (list) => sessionStorage.setItem(KEPT, JSON.stringify(list.slice(-MOST)));

// `of`: the render; a later refusal of the same one takes the place of the earlier. `address` and `to`: where to go on.
export function refuse({ of, who, words, address, to }) {
  keep([...kept().filter((one) => one.of !== of), { of, who, words, address, to }]);
  refusals.querySelector(`[data-of="${CSS.escape(of)}"]`)?.remove();
  show();
}

function dismiss(of) {
  keep(kept().filter((one) => one.of !== of));
  show();
}

// Lines that stay are left alone: a screen reader reads each of them once.
function show() {
  const reader = document.querySelector("[data-account]")?.dataset.account;
  const list = kept().filter(({ who }) => !reader || who === reader);
  for (const line of [...refusals.children]) if (!list.some(({ of }) => of === line.dataset.of)) line.remove();
  for (const { of, words, address, to } of list) {
    if (refusals.querySelector(`[data-of="${CSS.escape(of)}"]`)) continue;
    const line = toast(words, " ", link(address, to), button("Dismiss", () => dismiss(of)));
    line.dataset.of = of;
    line.setAttribute("role", "alert");
    refusals.append(line);
  }
}

document.addEventListener("greenroom:page", show);
addEventListener("pageshow", show);
show();
