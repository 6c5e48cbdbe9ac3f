// Another page of the console in the place of this one, without a page load. `greenroom:page` says that it is there.

import { hint, link } from "./foot.js";

let newest = 0, loading = false, late = null;

// Answers that are on their way are not wanted any more.
export function drop() { newest += 1; loading = false; }

// Whether it is there. Of two that were asked for, only the later one comes, whichever answers first.
export async function load(address, request = {}, quiet = false) {
  drop();
  const turn = newest;
  loading = true;
  let answer, text;
  try {
    answer = await fetch(address, request);
    text = await answer.text();
  } catch {
    if (turn !== newest) return false;
    loading = false;
    if (!quiet) hint("The page could not be fetched. ", link("/", "The queue"));
    return false;
  }
  if (turn !== newest) return false;
  loading = false;
  const page = new DOMParser().parseFromString(text, "text/html");
  if (!page.querySelector("main")) { location.assign(address); return false; }
  put(page, answer.url, quiet);
  if (late) { const of = late; late = null; refresh(of); }
  return true;
}

function put(page, address, quiet) {
  document.title = page.title;
  for (const one of page.head.querySelectorAll('link[rel="stylesheet"], script[src]')) {  // once here, they stay
    const name = one.matches("link") ? "href" : "src", at = one.getAttribute(name);
    if (document.head.querySelector(`[${name}="${CSS.escape(at)}"]`)) continue;
    const fresh = document.createElement(one.localName);
    for (const { name: key, value } of one.attributes) fresh.setAttribute(key, value);
    document.head.append(fresh);
  }
  for (const part of ["header.bar", "main"]) {  // the bar holds the token of now, and says who is signed in
    const fresh = page.querySelector(part);
    if (fresh) document.querySelector(part)?.replaceWith(document.adoptNode(fresh));
  }
  if (address !== location.href) history.pushState(null, "", address);
  document.dispatchEvent(new CustomEvent("greenroom:page"));
  if (quiet) return;
  scrollTo(0, 0);
  document.querySelector("main h1")?.focus();
}

// Something became of a render: a page that shows it is fetched anew, unless somebody types in it.
export function refresh(render) {
  if (loading) { late = render; return; }
  if (location.pathname !== "/" && location.pathname !== `/renders/${render}`) return;
  if (document.activeElement?.matches("main input, main textarea")) return;
  load(location.href, {}, true);
}
