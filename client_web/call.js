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

/** Nobody waits longer than this for a first or another connection, with the microphone open. */
const GIVE_UP_MS = 600_000;
/** The server's codes for a portrait that it cannot change to (server/avatars.py). */
const PORTRAIT_REFUSALS = [
  "unknown-portrait",
  "unknown-avatar",
  "damaged-avatar",
  "avatars-unusable",
  "unusable-portrait",
];

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
 * @property {() => void} onInterrupted see `Call.interrupted`, which has changed
 * @property {(id: string) => void} onPortrait the server shows this one, not what was wished
 * @property {(id: string) => Promise<string | null>} onPortraitGone the server knows it no longer;
 *   gives its new id if it is there again, and may throw a CallError
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
  /** Wished; a server that cannot show it goes on with the confirmed one. */
  #portraitId = "";
  #confirmedId = "";
  #interrupted = false;
  /** @type {number | null} null: the last attempt has led to a connection, or is the first */
  #failingSince_ms = null;

  /**
   * @param {import("./signalling.js").Signalling} signalling
   * @param {CallCallbacks} callbacks
   * @param {Backoff} [backoff]
   * @param {() => number} [now_ms]
   */
  constructor(
    signalling,
    callbacks,
    backoff = new Backoff(),
    now_ms = () => performance.now(),
  ) {
    this.signalling = signalling;
    this.callbacks = callbacks;
    this.backoff = backoff;
    this.now_ms = now_ms;
  }

  get state() {
    return this.#state;
  }

  /** @returns {boolean} nothing arrives just now, and another way is looked for */
  get interrupted() {
    return this.#interrupted;
  }

  /**
   * @param {MediaStreamTrack} microphoneTrack
   * @param {string} portraitId
   */
  start(microphoneTrack, portraitId) {
    this.#track = microphoneTrack;
    this.#portraitId = portraitId;
    this.#failingSince_ms = null;
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
    if (portraitId === this.#portraitId) return;
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
    let offeredId = this.#portraitId;
    let link;
    try {
      link = new PeerLink(this.#track, {
        onStream: this.callbacks.onStream,
        onConnected: () => this.#onConnected(offeredId),
        onInterrupted: () => this.#setInterrupted(true),
        onMessage: (message) => this.#onMessage(message),
        onLost: (error) => this.#onLost(error),
      });
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#onLost(error);
      return;
    }
    this.#link = link;
    link.open(async (offer, onGone) => {
      try {
        return await this.signalling.call(offer, offeredId, onGone);
      } catch (error) {
        if (!(error instanceof CallError) || error.kind !== "portrait-gone") throw error;
        const renewedId = await this.callbacks.onPortraitGone(offeredId);
        if (renewedId === null || this.#link !== link) throw error;
        if (this.#portraitId === offeredId) this.#portraitId = renewedId;
        offeredId = renewedId;
        return this.signalling.call(offer, renewedId, onGone);
      }
    });
  }

  /** @param {string} portraitId with which it was offered */
  #onConnected(portraitId) {
    this.backoff.reset();
    this.#setInterrupted(false);
    if (this.#state !== CallState.CONNECTING) return;
    this.#failingSince_ms = null;
    this.#confirmedId = portraitId;
    this.#become(CallState.LIVE);
  }

  /** @param {boolean} interrupted */
  #setInterrupted(interrupted) {
    if (interrupted === this.#interrupted) return;
    this.#interrupted = interrupted;
    this.callbacks.onInterrupted();
  }

  /** @param {import("./messages.js").ServerMessage} message */
  #onMessage(message) {
    this.callbacks.onMessage(message);
    if (message.type === "ended") {
      this.#onLost(endedError(message.reason));
    } else if (message.type === "error" && message.fatal) {
      this.#onLost(new CallError("server-failed", message.message));
    } else if (message.type === "error" && PORTRAIT_REFUSALS.includes(message.code)) {
      this.#goOnWith(this.#confirmedId);
    } else if (message.type === "portrait") {
      const wasSettled = this.#portraitId === this.#confirmedId;
      this.#confirmedId = message.id;
      // It was wished before another that was refused.
      if (wasSettled) this.#goOnWith(message.id);
    }
  }

  /** @param {string} portraitId what the server shows */
  #goOnWith(portraitId) {
    if (portraitId === this.#portraitId) return;
    this.#portraitId = portraitId;
    this.callbacks.onPortrait(portraitId);
  }

  /** @param {CallError} error */
  #onLost(error) {
    if (!error.retry) {
      this.#end(error);
      return;
    }
    const now_ms = this.now_ms();
    this.#failingSince_ms ??= now_ms;
    if (now_ms - this.#failingSince_ms >= GIVE_UP_MS) {
      this.#end(new CallError("gave-up"));
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
    this.#interrupted = false;
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
