/** The buttons that save recordings: of this page's calls, and those that the server has kept. */

import { allow, isAllowed } from "./allow.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

/** A server notices after up to 30 s that a connection dropped, and records until then. */
const RETRY_MS = 2_000;
const MOST_RETRIES = 20;
const RUNS = "recording-runs";
/** Of those that were made before the page was loaded; the others can be had by HTTP. */
const MOST_EARLIER = 3;

export class SaveButtons {
  /** @type {Map<string, { button: HTMLButtonElement, began: string }>} by the recordings' ids;
   *   `began`: empty for those of this page */
  #saves = new Map();

  /**
   * @param {HTMLElement} element where a button for each recording appears
   * @param {string} base
   * @param {import("./api.js").Api} api
   * @param {(error: CallError) => void} onError
   * @param {number} [retry_ms]
   */
  constructor(element, base, api, onError, retry_ms = RETRY_MS) {
    this.element = element;
    this.base = base;
    this.api = api;
    this.onError = onError;
    this.retry_ms = retry_ms;
  }

  /**
   * @param {string} id of one that has ended, or will soon
   * @param {string} [began] when it was made, if that was before the page was loaded
   */
  offer(id, began = "") {
    if (this.#saves.has(id)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "save";
    button.addEventListener("click", () => this.#save(id, button));
    this.#saves.set(id, { button, began });
    this.element.append(button);
    this.#label();
  }

  /** Offers the newest that the server has for this page. Where it has none, nothing is said. */
  async offerEarlier() {
    /** @type {{ id: string, began: string, running: boolean }[]} the oldest first */
    let known;
    try {
      const response = await this.api.fetch(new URL("v1/recordings", this.base));
      if (!response.ok) return;
      known = await response.json();
    } catch (error) {
      if (error instanceof TypeError || error instanceof SyntaxError) return;
      throw error;
    }
    const ended = known.filter(({ running }) => !running);
    for (const { id, began } of ended.slice(-MOST_EARLIER)) this.offer(id, began);
  }

  #label() {
    const saves = [...this.#saves.values()];
    const own = saves.filter(({ began }) => !began);
    for (const save of saves) {
      const which =
        save.began ? `recording of ${timeOf(save.began)}` :
        own.length > 1 ? `recording ${own.indexOf(save) + 1}` : "the recording";
      save.button.textContent = isAllowed(save.button) ? `Save ${which}` : "Saving…";
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
      await this.#download(id, await this.#ask(id));
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
   * @returns {Promise<Response>} with the film, of which nothing is read yet
   */
  async #ask(id) {
    for (let retries = 0; ; retries += 1) {
      const response = await this.api.fetch(this.#url(id));
      if (response.ok) return response;
      const { code, detail } = await readProblem(response);
      if (code !== RUNS || retries === MOST_RETRIES) throw new CallError("recording-gone", detail);
      await new Promise((resolve) => setTimeout(resolve, this.retry_ms));
    }
  }

  /**
   * @param {string} id
   * @param {Response} film
   */
  async #download(id, film) {
    const link = document.createElement("a");
    const type = film.headers.get("Content-Type") ?? "";
    link.download = `${id}.${type.startsWith("video/webm") ? "webm" : "mp4"}`;
    // A link carries no key: with one, the film has to be brought here as a whole.
    const isOpen = !this.api.key.value;
    if (isOpen) await film.body?.cancel();
    link.href = isOpen ? this.#url(id).href : URL.createObjectURL(await film.blob());
    link.click();
    // The browser has taken hold of it by then.
    if (!isOpen) setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /** @param {string} id */
  #url(id) {
    return new URL(`v1/recordings/${id}`, this.base);
  }
}

/** @param {string} began as ISO 8601 */
function timeOf(began) {
  return new Date(began).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
