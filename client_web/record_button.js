/** The button that records the call on the server. */

import { allow, isAllowed } from "./allow.js";
import { CallState } from "./call.js";
import { CallError } from "./call_error.js";

export class RecordButton {
  #active = false;
  #id = "";
  /** The connection dropped while it was recorded: it is to go on with the next one. */
  #cut = false;

  /**
   * @param {HTMLButtonElement} button
   * @param {object} callbacks
   * @param {(message: import("./messages.js").RecordMessage) => void} callbacks.onWish
   * @param {(id: string) => void} callbacks.onEnded the recording can be saved, now or soon
   * @param {(error: CallError) => void} callbacks.onError
   */
  constructor(button, { onWish, onEnded, onError }) {
    this.button = button;
    this.onWish = onWish;
    this.onEnded = onEnded;
    this.onError = onError;
    button.addEventListener("click", () => {
      if (isAllowed(button)) onWish({ type: "record", active: !this.#active });
    });
  }

  /** @returns {boolean} whether the call is recorded now */
  get active() {
    return this.#active;
  }

  /** @param {string} state one of `CallState`, of the call that can be recorded */
  follow(state) {
    const live = state === CallState.LIVE;
    allow(this.button, live);
    // The server ends the recording with the connection, and its last words may not arrive.
    if (!live && this.#active) {
      this.#become(false, this.#id);
      this.#cut = true;
    }
    if (state === CallState.IDLE) this.#cut = false;
    if (live && this.#cut) this.onWish({ type: "record", active: true });
  }

  /** @param {import("./messages.js").RecordingMessage} message */
  show({ active, id }) {
    if (active && this.#cut) this.onError(new CallError("recording-split"));
    this.#cut = false;
    this.#become(active, id);
  }

  /**
   * @param {boolean} active
   * @param {string} id
   */
  #become(active, id) {
    this.#active = active;
    this.#id = id;
    this.button.setAttribute("aria-pressed", String(active));
    document.body.toggleAttribute("data-recording", active);
    if (!active) this.onEnded(id);
  }
}
