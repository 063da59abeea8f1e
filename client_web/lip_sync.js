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
  #held_ms = { audio: 0, video: 0 };
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
      const median_ms = this.#readings_ms.toSorted((a, b) => a - b)[READINGS >> 1];
      const size_ms = Math.abs(median_ms);
      if (size_ms > TOLERANCE_MS && size_ms < LEFT_BY_BROWSERS_MS) {
        this.#correct(median_ms > 0 ? "audio" : "video", size_ms, now);
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
    const back_ms = Math.min(amount_ms, this.#held_ms[late]);
    if (back_ms > 0) this.#hold(late, this.#held_ms[late] - back_ms, now);
    const held_ms = Math.min(MOST_HELD_MS, this.#held_ms[early] + amount_ms - back_ms);
    if (held_ms !== this.#held_ms[early]) this.#hold(early, held_ms, now);
  }

  /**
   * @param {Kind} kind
   * @param {number} held_ms
   * @param {ReturnType<typeof pickStats>} now
   */
  #hold(kind, held_ms, now) {
    const receiver = this.#pc.getReceivers().find(({ track }) => track.kind === kind);
    const stat = now[kind];
    if (!receiver || !stat || !("jitterBufferTarget" in receiver)) return;
    const target_s = meanSince(
      stat, this.#before[kind], "jitterBufferTargetDelay", "jitterBufferEmittedCount",
    );
    const own_ms = 1000 * target_s - this.#held_ms[kind];
    this.#held_ms[kind] = held_ms;
    receiver.jitterBufferTarget = held_ms > 0 ? Math.max(0, own_ms) + held_ms : null;
  }
}
