/** The button that records the call on the server, and the one that saves what was recorded. */

import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

export class RecordButton {
  #active = false;
  #id = "";

  /**
   * @param {{ record: HTMLButtonElement, save: HTMLButtonElement }} elements
   * @param {string} base
   * @param {import("./api.js").Api} api
   * @param {object} callbacks
   * @param {(message: import("./messages.js").RecordMessage) => void} callbacks.onWish
   * @param {(error: CallError) => void} callbacks.onError
   */
  constructor({ record, save }, base, api, { onWish, onError }) {
    this.record = record;
    this.save = save;
    this.base = base;
    this.api = api;
    this.onError = onError;
    record.addEventListener("click", () => onWish({ type: "record", active: !this.#active }));
    save.addEventListener("click", () => this.#save());
  }

  /** @returns {boolean} whether the call is recorded now */
  get active() {
    return this.#active;
  }

  /** @param {boolean} live whether there is a call that can be recorded */
  setLive(live) {
    this.record.disabled = !live;
    // The server ends the recording with the call, and its last words may not arrive.
    if (!live && this.#active) this.show({ type: "recording", active: false, id: this.#id });
  }

  /** @param {import("./messages.js").RecordingMessage} message */
  show({ active, id }) {
    this.#active = active;
    this.#id = id;
    this.record.setAttribute("aria-pressed", String(active));
    document.body.toggleAttribute("data-recording", active);
    this.save.hidden = active;
  }

  async #save() {
    this.save.disabled = true;
    try {
      const response = await this.api.fetch(new URL(`v1/recordings/${this.#id}`, this.base));
      if (!response.ok) throw new CallError("recording-gone", (await readProblem(response)).detail);
      this.#download(await response.blob());
    } catch (error) {
      if (error instanceof CallError) this.onError(error);
      else if (error instanceof TypeError) this.onError(new CallError("server-away"));
      else throw error;
    } finally {
      this.save.disabled = false;
    }
  }

  /** @param {Blob} film */
  #download(film) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(film);
    link.download = `${this.#id}.${film.type === "video/webm" ? "webm" : "mp4"}`;
    link.click();
    // The browser has taken hold of it by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
