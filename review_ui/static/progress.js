// Live numbers of a campaign. Each event says everything, so nothing is lost while nobody listens: a page that is not in
// front does not, and a connection that breaks comes back by itself. Where the server has no place for another listener
// the page says so and asks again later.

const ASKS_AGAIN = 30_000;

const box = document.querySelector("[data-progress]"), bar = box?.querySelector("progress");
let source = null, later = 0;

function listen() {
  clearTimeout(later);
  source?.close();
  source = new EventSource(box.dataset.progress);
  source.onmessage = ({ data }) => show(JSON.parse(data));
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return;  // it comes back by itself
    box.querySelector("[data-off]").hidden = false;
    later = setTimeout(listen, ASKS_AGAIN);
  };
}

function show(told) {
  box.querySelector("[data-off]").hidden = true;
  for (const [place, words] of Object.entries(told.words)) {
    for (const one of document.querySelectorAll(`[data-told="${CSS.escape(place)}"]`)) {
      if (one.textContent !== words) one.textContent = words;
    }
  }
  bar.max = Math.max(1, told.total);
  bar.value = told.done;
}

function follow() {
  if (document.hidden) { clearTimeout(later); source?.close(); source = null; } else if (!source) listen();
}

if (box) {
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => { source?.close(); source = null; });
  addEventListener("pageshow", follow);
  follow();
}
