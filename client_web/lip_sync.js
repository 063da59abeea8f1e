/**
 * Keeps lips and voice closer together than browsers do by themselves: libwebrtc's synchronization
 * leaves up to 30 ms as they are, in whichever direction a call happens to begin (webrtc:
 * video/stream_synchronization.cc, kMinDeltaMs). What is early is held in its jitter buffer for as
 * much longer (W3C webrtc, RTCRtpReceiver.jitterBufferTarget); nothing is ever hurried.
 */

import { meanSince, pickStats, skewOf } from "./stats.js";

const PERIOD_MS = 1000;
/** Their median is heeded, and those after a correction are new ones: it takes effect slowly. */
const READINGS = 5;
/** Less is nothing that can be seen, and readings wander by it. */
const TOLERANCE_MS = 5;
/** More is corrected by the browser itself; both at once would overshoot. */
const LEFT_BY_BROWSERS_MS = 30;
/** Beyond what the browser holds on its own account; so much later a call gets, at most. */
const MOST_HELD_MS = 60;

/** @typedef {"audio" | "video"} Kind */

export class LipSync {
  #pc;
  #period_ms;
  /** @type {number[]} */
  #readings_ms = [];
  /** @type {Record<Kind, { own_ms: number, target_ms: number } | null>} */
  #asked = { audio: null, video: null };
  /** @type {number | null} by the last readings, if they were followed by giving back at all */
  #gaveBack_ms = null;
  /** @type {ReturnType<typeof pickStats>} */
  #before = {};
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /**
   * @param {Pick<RTCPeerConnection, "getStats" | "getReceivers">} pc
   * @param {number} [period_ms]
   */
  constructor(pc, period_ms = PERIOD_MS) {
    this.#pc = pc;
    this.#period_ms = period_ms;
  }

  /** Begins, or goes on. Where a browser has no way to hold or to tell, nothing is done. */
  start() {
    this.stop();
    if (!("jitterBufferTarget" in RTCRtpReceiver.prototype)) return;
    this.#timer = setInterval(() => this.#measure(), this.#period_ms);
  }

  stop() {
    clearInterval(this.#timer);
    this.#readings_ms = [];
  }

  async #measure() {
    const now = pickStats((await this.#pc.getStats()).values());
    const skew_ms = skewOf(now);
    if (skew_ms !== null) this.#readings_ms.push(skew_ms);
    if (this.#readings_ms.length === READINGS) {
      const median_ms = [...this.#readings_ms].sort((a, b) => a - b)[READINGS >> 1];
      const size_ms = Math.abs(median_ms);
      if (size_ms > TOLERANCE_MS && size_ms < LEFT_BY_BROWSERS_MS) {
        this.#correct(median_ms > 0 ? "audio" : "video", size_ms, now);
      } else {
        this.#gaveBack_ms = null;
      }
      this.#readings_ms = [];
    }
    this.#before = now;
  }

  /**
   * @param {Kind} early
   * @param {number} amount_ms
   * @param {ReturnType<typeof pickStats>} now
   */
  #correct(early, amount_ms, now) {
    const late = early === "audio" ? "video" : "audio";
    const asked = this.#asked[late];
    if (asked) {
      // What was given back and changed nothing: the browser holds that much on its own account.
      const inVain = this.#gaveBack_ms !== null && amount_ms > 0.7 * this.#gaveBack_ms;
      this.#gaveBack_ms = amount_ms;
      this.#ask(late, inVain ? 0 : asked.target_ms - amount_ms, asked.own_ms);
      if (!inVain) return;
    }
    this.#gaveBack_ms = null;
    const held_ms = 1000 * meanSince(
      now[early] ?? {}, this.#before[early], "jitterBufferTargetDelay", "jitterBufferEmittedCount",
    );
    // Nothing has come in the last second, so it is not known how long anything is held.
    if (!held_ms) return;
    // Chromium tells some 12 ms less of a picture than it was asked for: the next reading makes up.
    const { own_ms, target_ms } = this.#asked[early] ?? { own_ms: held_ms, target_ms: 0 };
    this.#ask(early, Math.max(target_ms, held_ms) + amount_ms, own_ms);
  }

  /**
   * @param {Kind} kind
   * @param {number} target_ms
   * @param {number} own_ms what the browser held before it was asked for the first time
   */
  #ask(kind, target_ms, own_ms) {
    const receiver = this.#pc.getReceivers().find(({ track }) => track.kind === kind);
    if (!receiver) return;
    const asked = { own_ms, target_ms: Math.min(target_ms, own_ms + MOST_HELD_MS) };
    this.#asked[kind] = asked.target_ms > own_ms ? asked : null;
    receiver.jitterBufferTarget = this.#asked[kind] && asked.target_ms;
  }
}
