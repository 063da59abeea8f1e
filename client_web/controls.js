/** Expression and head motion: the form's values, and the messages that the server wants. */

import { EXPRESSIONS } from "./messages.js";

/** A dragged slider sends at most this often. */
const SEND_PERIOD_MS = 80;

export class Controls {
  #expression = EXPRESSIONS[0];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #sendTimer;

  /**
   * @param {{ faces: HTMLElement, strength: HTMLInputElement, headSpeed: HTMLInputElement }}
   *   elements
   * @param {() => void} onChange
   */
  constructor({ faces, strength, headSpeed }, onChange) {
    this.strength = strength;
    this.headSpeed = headSpeed;
    this.onChange = onChange;
    this.faces = faces;
    faces.replaceChildren(...EXPRESSIONS.map((name) => this.#face(name)));
    // Firefox knows from before a reload whether a field could be used.
    this.#choose(this.#expression);
    for (const slider of [strength, headSpeed]) {
      this.#paint(slider);
      slider.addEventListener("input", () => {
        this.#paint(slider);
        this.#changed();
      });
    }
  }

  /** @returns {import("./gallery_api.js").Settings} */
  get settings() {
    return {
      expression: this.#expression,
      expression_strength: this.strength.valueAsNumber,
      head_speed: this.headSpeed.valueAsNumber,
    };
  }

  /** Shows settings that the server knows already. */
  set settings({ expression, expression_strength, head_speed }) {
    const radio = this.faces.querySelector(`input[value="${CSS.escape(expression)}"]`);
    if (radio instanceof HTMLInputElement) radio.checked = true;
    this.#choose(expression);
    this.strength.valueAsNumber = expression_strength;
    this.headSpeed.valueAsNumber = head_speed;
    for (const slider of [this.strength, this.headSpeed]) this.#paint(slider);
  }

  /** @returns {import("./messages.js").ClientMessage[]} what brings a server to these settings */
  messages() {
    return [
      { type: "expression", name: this.#expression, strength: this.strength.valueAsNumber },
      { type: "head_motion", speed: this.headSpeed.valueAsNumber },
    ];
  }

  #changed() {
    this.#sendTimer ??= setTimeout(() => {
      this.#sendTimer = undefined;
      this.onChange();
    }, SEND_PERIOD_MS);
  }

  /** @param {string} expression */
  #choose(expression) {
    this.#expression = expression;
    this.strength.disabled = expression === EXPRESSIONS[0];
  }

  /** @param {HTMLInputElement} slider its filled part is drawn by settings.css */
  #paint(slider) {
    slider.style.setProperty("--filled", `${slider.valueAsNumber * 100}%`);
  }

  /** @param {string} name */
  #face(name) {
    const label = document.createElement("label");
    label.className = "face";
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "expression";
    radio.value = name;
    radio.className = "visually-hidden";
    radio.checked = name === this.#expression;
    radio.addEventListener("change", () => {
      this.#choose(name);
      this.#changed();
    });
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#face-${name}`);
    icon.append(use);
    const caption = document.createElement("span");
    caption.textContent = name;
    label.append(radio, icon, caption);
    return label;
  }
}
