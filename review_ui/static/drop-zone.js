// A file dropped on the zone is sent at once; without this script the form works as it is.

class DropZone extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input[type=file]"), form = this.closest("form");
    const over = (on) => (event) => { event.preventDefault(); this.classList.toggle("over", on); };
    this.addEventListener("dragover", over(true));
    this.addEventListener("dragleave", over(false));
    this.addEventListener("drop", (event) => {
      over(false)(event);
      if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; form.requestSubmit(); }
    });
    form.addEventListener("submit", () => {
      form.querySelector(".waiting").hidden = false;
      form.querySelector("button").disabled = true;
    });
  }
}

customElements.define("drop-zone", DropZone);
