// While a list is tried or entered its page is fetched anew, until it is done.

const EVERY = 1500;

async function look() {
  const here = document.getElementById("state");
  if (!here?.hasAttribute("data-working")) return;
  if (!document.hidden) {
    const answer = await fetch(location.href).catch(() => null);
    if (answer?.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("state");
      if (!fresh) return location.reload();  // signed out meanwhile
      if (fresh.innerHTML !== here.innerHTML) {
        const focused = here.contains(document.activeElement);
        here.replaceWith(document.adoptNode(fresh));
        if (focused) fresh.querySelector("a, button")?.focus();
      }
    }
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
