/**
 * Watches an avatar for ever: whatever ends a connection or refuses one, the next attempt follows.
 * Nobody sits in front of an overlay who could press a button.
 */

import { Backoff } from "./backoff.js";
import { WatchLink } from "./watch_link.js";

/** An avatar that goes live is there soon after; a server is not asked more often than it allows. */
const MOST_WAIT_MS = 4_000;

/**
 * @typedef {object} WatchCallbacks
 * @property {(stream: MediaStream) => void} onStream
 * @property {() => void} onConnected
 * @property {(error: import("./call_error.js").CallError) => void} onLost it waits now
 */

export class OverlayWatch {
  #backoff = new Backoff({ most_ms: MOST_WAIT_MS });

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
    const link = new WatchLink({
      onStream: this.callbacks.onStream,
      onConnected: () => {
        this.#backoff.reset();
        this.callbacks.onConnected();
      },
      onLost: (error) => {
        const wait_ms = Math.max(this.#backoff.next_ms(), (error.retryAfter_s ?? 0) * 1000);
        setTimeout(() => this.start(), wait_ms);
        this.callbacks.onLost(error);
      },
    });
    link.open(this.api, this.url);
  }
}
