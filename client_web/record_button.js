/** The button that records the call on the server, and those that save what was recorded. */

import { allow, isAllowed } from "./allow.js";
import { CallState } from "./call.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

/** A server notices after up to 30 s that a connection dropped, and records until then. */
const RETRY_MS = 2_000;
const MOST_RETRIES = 20;
const RUNS = "recording-runs";

export class RecordButton {
  #active = false;
  #id = "";
  /** The connection dropped while it was recorded: it is to go on with the next one. */
  #cut = false;
  /** @type {Map<string, HTMLButtonElement>} by the ids of all that have ended */
  #saves = new Map();

  /**
   * @param {{ record: HTMLButtonElement, saves: HTMLElement }} elements `saves`: where a button
   *   for each recording appears
   * @param {string} base
   * @param {import("./api.js").Api} api
   * @param {object} callbacks
   * @param {(message: import("./messages.js").RecordMessage) => void} callbacks.onWish
   * @param {(error: CallError) => void} callbacks.onError
   * @param {number} [retry_ms]
   */
  constructor({ record, saves }, base, api, { onWish, onError }, retry_ms = RETRY_MS) {
    this.record = record;
    this.saves = saves;
    this.base = base;
    this.api = api;
    this.onWish = onWish;
    this.onError = onError;
    this.retry_ms = retry_ms;
    record.addEventListener("click", () => {
      if (isAllowed(record)) onWish({ type: "record", active: !this.#active });
    });
  }

  /** @returns {boolean} whether the call is recorded now */
  get active() {
    return this.#active;
  }

  /** @param {string} state one of `CallState`, of the call that can be recorded */
  follow(state) {
    const live = state === CallState.LIVE;
    allow(this.record, live);
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
    this.record.setAttribute("aria-pressed", String(active));
    document.body.toggleAttribute("data-recording", active);
    if (!active) this.#offer(id);
  }

  /** @param {string} id of one that has ended, or will soon */
  #offer(id) {
    if (this.#saves.has(id)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "save";
    button.addEventListener("click", () => this.#save(id, button));
    this.#saves.set(id, button);
    this.saves.append(button);
    this.#label();
  }

  #label() {
    const buttons = [...this.#saves.values()];
    for (const [index, button] of buttons.entries()) {
      const which = buttons.length > 1 ? `recording ${index + 1}` : "the recording";
      button.textContent = isAllowed(button) ? `Save ${which}` : "Saving…";
    }
  }

  /**
   * @param {string} id
   * @param {HTMLButtonElement} button
   */
  async #save(id, button) {
    if (!isAllowed(button)) return;
    allow(button, false);
    this.#label();
    try {
      this.#download(id, await this.#fetch(id));
    } catch (error) {
      if (error instanceof CallError) this.onError(error);
      else if (error instanceof TypeError) this.onError(new CallError("server-away"));
      else throw error;
    } finally {
      allow(button, true);
      this.#label();
    }
  }

  /**
   * @param {string} id
   * @returns {Promise<Blob>}
   */
  async #fetch(id) {
    const url = new URL(`v1/recordings/${id}`, this.base);
    for (let retries = 0; ; retries += 1) {
      const response = await this.api.fetch(url);
      if (response.ok) return response.blob();
      const { code, detail } = await readProblem(response);
      if (code !== RUNS || retries === MOST_RETRIES) throw new CallError("recording-gone", detail);
      await new Promise((resolve) => setTimeout(resolve, this.retry_ms));
    }
  }

  /**
   * @param {string} id
   * @param {Blob} film
   */
  #download(id, film) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(film);
    link.download = `${id}.${film.type === "video/webm" ? "webm" : "mp4"}`;
    link.click();
    // The browser has taken hold of it by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
