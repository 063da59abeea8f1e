/** Asks, before a picture is sent, whether the face in it may be animated. */

import { find } from "./find.js";

const AGREED = "agreed";

export class ConsentDialog {
  #dialog = find("consent", HTMLDialogElement);
  #check = find("consent-check", HTMLInputElement);
  #words = find("consent-words", HTMLElement);
  #picture = find("consent-picture", HTMLImageElement);

  constructor() {
    find("consent-cancel", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    // Not every browser can show every picture that the server can read.
    this.#picture.addEventListener("error", () => (this.#picture.hidden = true));
  }

  /**
   * @param {File} file the picture that is to be sent
   * @param {string} words
   * @returns {Promise<boolean>} whether the words were agreed to
   */
  async ask(file, words) {
    this.#words.textContent = words;
    this.#check.checked = false;
    this.#picture.hidden = false;
    this.#picture.src = URL.createObjectURL(file);
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
    await new Promise((resolve) => {
      this.#dialog.addEventListener("close", resolve, { once: true });
    });
    URL.revokeObjectURL(this.#picture.src);
    return this.#dialog.returnValue === AGREED;
  }
}
