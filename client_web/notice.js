/** One message over the foot of the portrait: what is wrong, what to do, and perhaps a button. */

import { describe, describeWait } from "./words.js";

/** @typedef {{ label: string, run: () => void }} NoticeAction */

export class Notice {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  /** @type {(() => void) | null} */
  #run = null;

  /**
   * @param {Document} page
   * @param {HTMLElement} main the page's main button: it gets the focus that would be lost
   * @param {() => void} onAnotherKey another is wished, than the one that does not allow something
   */
  constructor(page, main, onAnotherKey) {
    this.main = main;
    this.onAnotherKey = onAnotherKey;
    this.box = /** @type {HTMLElement} */ (page.getElementById("notice"));
    this.title = /** @type {HTMLElement} */ (page.getElementById("notice-title"));
    this.text = /** @type {HTMLElement} */ (page.getElementById("notice-text"));
    this.wait = /** @type {HTMLElement} */ (page.getElementById("notice-wait"));
    this.button = /** @type {HTMLButtonElement} */ (page.getElementById("notice-action"));
    this.button.addEventListener("click", () => this.#run?.());
  }

  /** @param {import("./call_error.js").CallError} error told with the way out, if there is one */
  tell(error) {
    const run = () => {
      this.hide();
      this.onAnotherKey();
    };
    const isNarrow = error.kind === "key-too-narrow";
    this.show(describe(error), isNarrow ? { label: "Use another key", run } : undefined);
  }

  /**
   * @param {{ title: string, text: string }} words
   * @param {NoticeAction} [action] default: a button that closes the notice
   * @param {number} [wait_ms] counts down beside the text
   */
  show({ title, text }, action = { label: "OK", run: () => this.hide() }, wait_ms = 0) {
    clearInterval(this.#countdown);
    this.title.textContent = title;
    this.text.textContent = text;
    this.wait.textContent = "";
    this.button.textContent = action.label;
    this.#run = action.run;
    if (wait_ms > 0) this.#countDown(Math.ceil(wait_ms / 1000));
    this.box.hidden = false;
  }

  /** @returns {boolean} */
  get isOpen() {
    return !this.box.hidden;
  }

  hide() {
    clearInterval(this.#countdown);
    const hadFocus = this.box.contains(document.activeElement);
    this.box.hidden = true;
    if (hadFocus) this.main.focus();
  }

  /** @param {number} seconds */
  #countDown(seconds) {
    let left = seconds;
    this.wait.textContent = describeWait(left);
    this.#countdown = setInterval(() => {
      left = Math.max(0, left - 1);
      this.wait.textContent = describeWait(left);
    }, 1000);
  }
}
