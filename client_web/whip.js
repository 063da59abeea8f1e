/** Giving an avatar its voice by WHIP (RFC 9725), again after a dropped connection. */

import { Backoff } from "./backoff.js";
import { CallError } from "./call_error.js";
import { PublishLink } from "./publish_link.js";

export const PublishState = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  /** lost or refused for now; the next attempt is scheduled */
  WAITING: "waiting",
  LIVE: "live",
});

/** Nobody waits longer than this for a first or another connection, with the microphone open. */
const GIVE_UP_MS = 600_000;
/**
 * So long after our connection was lost it may still be ours that has the voice: the server sees
 * after up to 30 s that nothing comes, where it cannot be told.
 */
const OWN_TRACE_MS = 45_000;

export class Publisher {
  /** @type {string} */
  #state = PublishState.IDLE;
  #avatar = "";
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {PublishLink | null} */
  #link = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  #interrupted = false;
  #wasLive = false;
  /** @type {number | null} null: the last attempt has led to a connection, or is the first */
  #failingSince_ms = null;

  /**
   * @param {string | URL} base the page's address, below which `whip/` lives
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {{ onInterrupted: () => void,
   *   onState: (state: string, reason: CallError | null, retryIn_ms: number) => void }} callbacks
   *   `reason`: why it waits or has ended, null when that was wished for; `retryIn_ms`: time to the
   *   next attempt, 0 unless waiting; `onInterrupted`: `interrupted` has changed
   * @param {Backoff} [backoff]
   * @param {() => number} [now_ms]
   */
  constructor(
    base,
    api,
    callbacks,
    backoff = new Backoff(),
    now_ms = () => performance.now(),
  ) {
    this.base = base;
    this.api = api;
    this.callbacks = callbacks;
    this.backoff = backoff;
    this.now_ms = now_ms;
  }

  get state() {
    return this.#state;
  }

  /** @returns {boolean} nothing gets through just now, and another way is looked for */
  get interrupted() {
    return this.#interrupted;
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {string} avatar
   */
  start(track, avatar) {
    this.stop();
    this.#track = track;
    this.#avatar = avatar;
    this.#wasLive = false;
    this.#failingSince_ms = null;
    this.backoff.reset();
    this.#attempt();
  }

  stop() {
    if (this.#state !== PublishState.IDLE) this.#end(null);
  }

  /** Does not wait any longer: the network is back, or somebody asks. */
  retryNow() {
    if (this.#state !== PublishState.WAITING) return;
    clearTimeout(this.#retryTimer);
    this.#attempt();
  }

  /** @param {MediaStreamTrack} track */
  async replaceTrack(track) {
    this.#track = track;
    await this.#link?.replaceTrack(track);
  }

  #attempt() {
    if (!this.#track) throw new Error("publishing needs a microphone track: start() gives it");
    this.#become(PublishState.CONNECTING, null);
    try {
      this.#link = new PublishLink(this.#track, {
        onConnected: () => this.#onConnected(),
        onInterrupted: () => this.#setInterrupted(true),
        onLost: (error) => this.#onLost(error),
      });
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#onLost(error);
      return;
    }
    const url = new URL(`whip/${encodeURIComponent(this.#avatar)}`, this.base);
    this.#link.open(this.api, url);
  }

  #onConnected() {
    this.backoff.reset();
    this.#wasLive = true;
    this.#failingSince_ms = null;
    if (this.#state === PublishState.CONNECTING) this.#become(PublishState.LIVE, null);
    else this.#setInterrupted(false);
  }

  /** @param {boolean} interrupted */
  #setInterrupted(interrupted) {
    if (interrupted === this.#interrupted) return;
    this.#interrupted = interrupted;
    this.callbacks.onInterrupted();
  }

  /** @param {CallError} error */
  #onLost(error) {
    const now_ms = this.now_ms();
    this.#failingSince_ms ??= now_ms;
    const failing_ms = now_ms - this.#failingSince_ms;
    const isOwnTrace =
      error.kind === "voice-taken" && this.#wasLive && failing_ms < OWN_TRACE_MS;
    if (!error.retry && !isOwnTrace) {
      this.#end(error);
      return;
    }
    if (failing_ms >= GIVE_UP_MS) {
      this.#end(new CallError("gave-up"));
      return;
    }
    this.#link = null;
    const wait_ms =
      error.retryAfter_s === null ? this.backoff.next_ms() : error.retryAfter_s * 1000;
    this.#retryTimer = setTimeout(() => this.#attempt(), wait_ms);
    const reason = isOwnTrace ? new CallError("connection-lost", error.detail) : error;
    this.#become(PublishState.WAITING, reason, wait_ms);
  }

  /** @param {CallError | null} reason */
  #end(reason) {
    clearTimeout(this.#retryTimer);
    this.#link?.close();
    this.#link = null;
    this.#track = null;
    this.#become(PublishState.IDLE, reason);
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   * @param {number} [retryIn_ms]
   */
  #become(state, reason, retryIn_ms = 0) {
    this.#state = state;
    this.#interrupted = false;
    this.callbacks.onState(state, reason, retryIn_ms);
  }
}
