/**
 * A call as people understand it: it starts, it lives through dropped connections, it stops.
 * Every attempt is a new PeerLink; this class owns the states and the waiting between attempts.
 */

import { Backoff } from "./backoff.js";
import { CallError } from "./call_error.js";
import { PeerLink } from "./peer_link.js";

/** @enum {string} */
export const CallState = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  LIVE: "live",
  /** lost or refused for now; the next attempt is scheduled */
  WAITING: "waiting",
});

/** @type {Record<string, readonly string[]>} */
const TRANSITIONS = {
  [CallState.IDLE]: [CallState.CONNECTING],
  [CallState.CONNECTING]: [CallState.LIVE, CallState.WAITING, CallState.IDLE],
  [CallState.LIVE]: [CallState.WAITING, CallState.IDLE],
  [CallState.WAITING]: [CallState.CONNECTING, CallState.IDLE],
};

/**
 * @param {string} reason of the message "ended": see server/lifecycle.py
 * @returns {CallError}
 */
export function endedError(reason) {
  switch (reason) {
    case "hung_up":
      return new CallError("call-ended");
    case "idle":
      return new CallError("call-idle");
    case "server_shutdown":
      return new CallError("server-stopped", "", { retry: true });
    case "client_gone":
    case "connect_timeout":
      return new CallError("connection-lost", "", { retry: true });
    default:
      return new CallError("server-failed");
  }
}

/**
 * @typedef {object} CallCallbacks
 * @property {(state: string, reason: CallError | null, retryIn_ms: number) => void} onState
 *   `reason`: why the call waits or has ended, null when the user asked for it; `retryIn_ms`:
 *   time to the next attempt, 0 unless waiting
 * @property {(stream: MediaStream) => void} onStream
 * @property {(message: import("./messages.js").ServerMessage) => void} onMessage
 */

export class Call {
  /** @type {string} */
  #state = CallState.IDLE;
  /** @type {PeerLink | null} */
  #link = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  #portraitId = "";

  /**
   * @param {import("./signalling.js").Signalling} signalling
   * @param {CallCallbacks} callbacks
   * @param {Backoff} [backoff]
   */
  constructor(signalling, callbacks, backoff = new Backoff()) {
    this.signalling = signalling;
    this.callbacks = callbacks;
    this.backoff = backoff;
  }

  get state() {
    return this.#state;
  }

  /**
   * @param {MediaStreamTrack} microphoneTrack
   * @param {string} portraitId
   */
  start(microphoneTrack, portraitId) {
    this.#track = microphoneTrack;
    this.#portraitId = portraitId;
    this.backoff.reset();
    this.#attempt();
  }

  stop() {
    if (this.#state !== CallState.IDLE) this.#end(null);
  }

  /** Does not wait any longer: the network is back, or the user asks. */
  retryNow() {
    if (this.#state !== CallState.WAITING) return;
    clearTimeout(this.#retryTimer);
    this.#attempt();
  }

  /** @param {import("./messages.js").ClientMessage} message */
  send(message) {
    this.#link?.send(message);
  }

  /** @param {string} portraitId shown from now on, after a reconnection too */
  setPortrait(portraitId) {
    this.#portraitId = portraitId;
    this.send({ type: "portrait", id: portraitId });
  }

  /** @param {MediaStreamTrack} track */
  async replaceTrack(track) {
    this.#track = track;
    await this.#link?.replaceTrack(track);
  }

  /** @returns {Promise<RTCStatsReport> | null} null while there is no connection */
  getStats() {
    return this.#state === CallState.LIVE && this.#link ? this.#link.getStats() : null;
  }

  #attempt() {
    if (!this.#track) throw new Error("a call needs a microphone track: start() gives it");
    this.#become(CallState.CONNECTING);
    const link = new PeerLink(this.#track, {
      onStream: this.callbacks.onStream,
      onConnected: () => {
        this.backoff.reset();
        if (this.#state === CallState.CONNECTING) this.#become(CallState.LIVE);
      },
      onMessage: (message) => this.#onMessage(message),
      onLost: (error) => this.#onLost(error),
    });
    this.#link = link;
    link.open(this.signalling, this.#portraitId);
  }

  /** @param {import("./messages.js").ServerMessage} message */
  #onMessage(message) {
    this.callbacks.onMessage(message);
    if (message.type === "ended") {
      this.#onLost(endedError(message.reason));
    } else if (message.type === "error" && message.fatal) {
      this.#onLost(new CallError("server-failed", message.message));
    }
  }

  /** @param {CallError} error */
  #onLost(error) {
    if (!error.retry) {
      this.#end(error);
      return;
    }
    this.#dropLink();
    const retryIn_ms =
      error.retryAfter_s === null ? this.backoff.next_ms() : error.retryAfter_s * 1000;
    this.#retryTimer = setTimeout(() => this.#attempt(), retryIn_ms);
    this.#become(CallState.WAITING, error, retryIn_ms);
  }

  /** @param {CallError | null} reason */
  #end(reason) {
    clearTimeout(this.#retryTimer);
    this.#dropLink();
    this.#track = null;
    this.#become(CallState.IDLE, reason);
  }

  #dropLink() {
    this.#link?.close();
    this.#link = null;
  }

  /**
   * @param {string} state
   * @param {CallError | null} [reason]
   * @param {number} [retryIn_ms]
   */
  #become(state, reason = null, retryIn_ms = 0) {
    if (!TRANSITIONS[this.#state].includes(state)) {
      throw new Error(`a call cannot go from ${this.#state} to ${state}`);
    }
    this.#state = state;
    this.callbacks.onState(state, reason, retryIn_ms);
  }
}
