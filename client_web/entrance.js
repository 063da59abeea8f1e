/** The way in: brings the key from the address or the field to the requests, and asks for one. */

import { AccessKey } from "./access_key.js";
import { Api } from "./api.js";
import { KeyPrompt } from "./key_prompt.js";

export class Entrance {
  #key = new AccessKey();
  #prompt;

  /**
   * @param {{ form: HTMLFormElement, input: HTMLInputElement }} elements
   * @param {{ onAsk: () => void, onKey: () => void }} callbacks `onKey`: there is a new one, which
   *   the server has not seen yet
   */
  constructor(elements, { onAsk, onKey }) {
    this.onKey = onKey;
    this.onAsk = onAsk;
    this.#prompt = new KeyPrompt(elements, (text) => this.#take(this.#key.use(text)));
    this.api = new Api(this.#key, () => this.ask());
  }

  /** Asks for a key. One that is there is used until another takes its place: a call may need it. */
  ask() {
    this.#prompt.open();
    this.onAsk();
  }

  /** @returns {boolean} whether a key is asked for now */
  get asks() {
    return this.#prompt.isOpen;
  }

  /** Takes the key out of the page's address, now and whenever one is put there. */
  start() {
    this.#key.takeFromAddress();
    window.addEventListener("hashchange", () => this.#take(this.#key.takeFromAddress()));
  }

  /**
   * @param {boolean} taken
   * @returns {boolean}
   */
  #take(taken) {
    if (taken) {
      this.#prompt.close();
      this.onKey();
    }
    return taken;
  }
}
