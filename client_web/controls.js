/** Expression and head motion: the form's values as the messages that the server wants. */

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
    faces.replaceChildren(...EXPRESSIONS.map((name) => this.#face(name)));
    for (const slider of [strength, headSpeed]) {
      this.#paint(slider);
      slider.addEventListener("input", () => {
        this.#paint(slider);
        this.#changed();
      });
    }
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

  /** @param {HTMLInputElement} slider its filled part is drawn by style.css */
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
      this.#expression = name;
      this.strength.disabled = name === EXPRESSIONS[0];
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
