/** One message over the foot of the portrait: what is wrong, what to do, and perhaps a button. */

import { describeWait } from "./words.js";

/** @typedef {{ label: string, run: () => void }} NoticeAction */

export class Notice {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  /** @type {(() => void) | null} */
  #run = null;

  /**
   * @param {Document} page
   * @param {HTMLElement} main the page's main button: it gets the focus that would be lost
   */
  constructor(page, main) {
    this.main = main;
    this.box = /** @type {HTMLElement} */ (page.getElementById("notice"));
    this.title = /** @type {HTMLElement} */ (page.getElementById("notice-title"));
    this.text = /** @type {HTMLElement} */ (page.getElementById("notice-text"));
    this.wait = /** @type {HTMLElement} */ (page.getElementById("notice-wait"));
    this.button = /** @type {HTMLButtonElement} */ (page.getElementById("notice-action"));
    this.button.addEventListener("click", () => this.#run?.());
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
