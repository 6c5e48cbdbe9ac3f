// Says beside the buttons how a decision will be recorded, as the player's reports come back from the server.

class DecisionManner extends HTMLElement {
  connectedCallback() {
    document.addEventListener("greenroom:played", (event) => this.show(event.detail));
  }

  show(state) {
    this.querySelectorAll("[data-when]").forEach((part) => { part.hidden = part.dataset.when !== state.manner; });
    this.querySelectorAll("[data-count]").forEach((part) => {
      part.textContent = state[part.dataset.count];
      part.closest("[data-line]").hidden = state[part.dataset.count] === 0;
    });
  }
}

customElements.define("decision-manner", DecisionManner);
