/** Watching a live avatar by WHEP (draft-ietf-wish-whep), again after a dropped connection. */

import { Backoff } from "./backoff.js";
import { CallError } from "./call_error.js";
import { SoundOutput } from "./sound_output.js";
import { WatchLink } from "./watch_link.js";

export const WatchState = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  WAITING: "waiting",
  LIVE: "live",
});

export class Viewer {
  /** @type {string} */
  #state = WatchState.IDLE;
  #avatar = "";
  /** @type {WatchLink | null} */
  #link = null;
  #output = new SoundOutput();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  #interrupted = false;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {string | URL} base the page's address, below which `whep/` lives
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {{ onStream: (stream: MediaStream) => void,
   *   onInterrupted: () => void,
   *   onState: (state: string, reason: CallError | null, retryIn_ms: number) => void }} callbacks
   *   `reason`: why it waits or has ended, null when that was wished for, or the avatar is no
   *   longer live; `retryIn_ms`: time to the next attempt, 0 unless waiting; `onInterrupted`:
   *   `interrupted` has changed
   * @param {Backoff} [backoff]
   */
  constructor(base, api, callbacks, backoff = new Backoff()) {
    this.base = base;
    this.api = api;
    this.callbacks = callbacks;
    this.backoff = backoff;
  }

  get state() {
    return this.#state;
  }

  /** @returns {boolean} nothing arrives just now, and another way is looked for */
  get interrupted() {
    return this.#interrupted;
  }

  /**
   * Watches `avatar`, and no other; nothing changes if it is watched already.
   *
   * @param {string} avatar
   */
  watch(avatar) {
    if (this.#state !== WatchState.IDLE && this.#avatar === avatar) return;
    this.stop();
    this.#avatar = avatar;
    this.backoff.reset();
    this.#attempt();
  }

  stop() {
    if (this.#state !== WatchState.IDLE) this.#end(null);
  }

  /** Does not wait any longer: the network is back, or somebody looks again. */
  retryNow() {
    if (this.#state !== WatchState.WAITING) return;
    clearTimeout(this.#retryTimer);
    this.#attempt();
  }

  /** @returns {Promise<void>} settled when it is live, or has ended */
  settled() {
    if (this.#state === WatchState.LIVE || this.#state === WatchState.IDLE) {
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #attempt() {
    this.#become(WatchState.CONNECTING, null);
    try {
      this.#link = new WatchLink({
        onStream: this.callbacks.onStream,
        onConnected: () => {
          this.backoff.reset();
          if (this.#state === WatchState.CONNECTING) this.#become(WatchState.LIVE, null);
          else this.#setInterrupted(false);
        },
        onInterrupted: () => this.#setInterrupted(true),
        onLost: (error) => this.#onLost(error),
      });
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#onLost(error);
      return;
    }
    const url = new URL(`whep/${encodeURIComponent(this.#avatar)}`, this.base);
    this.#link.open(this.api, url, this.#output.open());
  }

  /** @param {boolean} interrupted */
  #setInterrupted(interrupted) {
    if (interrupted === this.#interrupted) return;
    this.#interrupted = interrupted;
    this.callbacks.onInterrupted();
  }

  /** @param {CallError} error */
  #onLost(error) {
    if (!error.retry) {
      this.#end(error.kind === "not-live" ? null : error);
      return;
    }
    this.#link = null;
    const wait_ms =
      error.retryAfter_s === null ? this.backoff.next_ms() : error.retryAfter_s * 1000;
    this.#retryTimer = setTimeout(() => this.#attempt(), wait_ms);
    this.#become(WatchState.WAITING, error, wait_ms);
  }

  /** @param {CallError | null} reason */
  #end(reason) {
    clearTimeout(this.#retryTimer);
    this.#link?.close();
    this.#link = null;
    this.#output.close();
    this.#become(WatchState.IDLE, reason);
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   * @param {number} [retryIn_ms]
   */
  #become(state, reason, retryIn_ms = 0) {
    this.#state = state;
    this.#interrupted = false;
    if (state === WatchState.LIVE || state === WatchState.IDLE) {
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    this.callbacks.onState(state, reason, retryIn_ms);
  }
}
