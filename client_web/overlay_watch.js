/**
 * Watches an avatar for ever: whatever ends a connection or refuses one, the next attempt follows.
 * Nobody sits in front of an overlay who could press a button.
 */

import { Backoff } from "./backoff.js";
import { CallError } from "./call_error.js";
import { WatchLink } from "./watch_link.js";

/** An avatar that goes live is there soon after; a server is not asked more often than it allows. */
const MOST_WAIT_MS = 4_000;
/** A browser that makes no connection so many times in a row makes none before a reload. */
const EXHAUSTED_AFTER = 3;

/**
 * @typedef {object} WatchCallbacks
 * @property {(stream: MediaStream) => void} onStream
 * @property {() => void} onConnected
 * @property {(error: CallError) => void} onLost it waits now
 * @property {() => void} onExhausted the browser makes no more connections
 */

export class OverlayWatch {
  #backoff = new Backoff({ most_ms: MOST_WAIT_MS });
  #refusals = 0;

  /**
   * @param {URL} url of the WHEP endpoint
   * @param {import("./api.js").Api} api
   * @param {WatchCallbacks} callbacks
   */
  constructor(url, api, callbacks) {
    this.url = url;
    this.api = api;
    this.callbacks = callbacks;
  }

  start() {
    let link;
    try {
      link = new WatchLink({
        onStream: this.callbacks.onStream,
        onConnected: () => {
          this.#backoff.reset();
          this.callbacks.onConnected();
        },
        onInterrupted: () => undefined,
        onLost: (error) => this.#onLost(error),
      });
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#refusals += 1;
      this.#onLost(error);
      if (this.#refusals % EXHAUSTED_AFTER === 0) this.callbacks.onExhausted();
      return;
    }
    this.#refusals = 0;
    link.open(this.api, this.url);
  }

  /** @param {CallError} error */
  #onLost(error) {
    const wait_ms = Math.max(this.#backoff.next_ms(), (error.retryAfter_s ?? 0) * 1000);
    setTimeout(() => this.start(), wait_ms);
    this.callbacks.onLost(error);
  }
}
