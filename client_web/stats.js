/**
 * What the browser measures of the stream (W3C webrtc-stats), once a second, and the server's
 * own figures beside it.
 */

import { Pace } from "./pace.js";

const PERIOD_MS = 1000;

/**
 * @typedef {object} StreamFigures
 * @property {number | null} fps frames shown in the last second
 * @property {number | null} latency_ms estimate: a packet of the microphone, network there and
 *   back, the server's playout delay, the browser's jitter buffer. The sound devices' own delay
 *   is not in it.
 * @property {number | null} skew_ms picture minus sound, positive = picture late; null where the
 *   browser does not tell (estimatedPlayoutTimestamp)
 * @property {number | null} repeated_frames by the server, since the call began
 */

/** @typedef {Record<string, any>} Stat one entry of an RTCStatsReport */

/**
 * @param {Stat} now
 * @param {Stat | undefined} before
 * @param {string} total
 * @param {string} count
 * @returns {number} mean of a cumulative counter over the last period, in its own unit
 */
export function meanSince(now, before, total, count) {
  const n = (now[count] ?? 0) - (before?.[count] ?? 0);
  return n > 0 ? ((now[total] ?? 0) - (before?.[total] ?? 0)) / n : 0;
}

/**
 * @param {Iterable<Stat>} report
 * @returns {{ audio?: Stat, video?: Stat, pair?: Stat }}
 */
export function pickStats(report) {
  /** @type {{ audio?: Stat, video?: Stat, pair?: Stat }} */
  const picked = {};
  for (const stat of report) {
    if (stat.type === "inbound-rtp" && stat.kind === "audio") picked.audio = stat;
    else if (stat.type === "inbound-rtp" && stat.kind === "video") picked.video = stat;
    else if (isUsedPair(stat)) picked.pair = stat;
  }
  return picked;
}

/**
 * @param {Stat} stat
 * @returns {boolean}
 */
function isUsedPair({ type, nominated, state, selected = true }) {
  // Firefox nominates several, and tells by `selected`, a word of its own, which one it uses.
  return type === "candidate-pair" && nominated && state === "succeeded" && selected;
}

/**
 * @param {ReturnType<typeof pickStats>} now
 * @param {ReturnType<typeof pickStats>} before one period earlier
 * @param {import("./messages.js").StatsMessage | null} server
 * @returns {StreamFigures}
 */
export function figures(now, before, server) {
  const { audio, video, pair } = now;
  let fps = null;
  if (video && before.video) {
    const elapsed_s = (video.timestamp - before.video.timestamp) / 1000;
    fps = (video.framesDecoded - before.video.framesDecoded) / elapsed_s;
  }
  let latency_ms = null;
  if (audio && server) {
    const buffer_s = meanSince(audio, before.audio, "jitterBufferDelay", "jitterBufferEmittedCount");
    const network_s = pair?.currentRoundTripTime ?? 0;
    // A packet of the microphone leaves when it is full.
    const server_ms = server.playout_delay_ms + server.microphone_packet_ms;
    latency_ms = 1000 * (buffer_s + network_s) + server_ms;
  }
  return {
    fps,
    latency_ms,
    skew_ms: skewOf(now),
    repeated_frames: server?.repeated_frames ?? null,
  };
}

/**
 * @param {ReturnType<typeof pickStats>} now
 * @returns {number | null} picture minus sound, positive = picture late; null where untold
 */
export function skewOf({ audio, video }) {
  if (!audio?.estimatedPlayoutTimestamp || !video?.estimatedPlayoutTimestamp) return null;
  return audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp;
}

export class StatsMonitor {
  /** @type {ReturnType<typeof pickStats>} */
  #before = {};
  /** @type {import("./messages.js").StatsMessage | null} */
  #server = null;
  #pace = new Pace();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** Counts what ended, so that a report that comes late is not shown. */
  #stops = 0;

  /**
   * @param {() => Promise<RTCStatsReport> | null} getStats
   * @param {(figures: StreamFigures) => void} onFigures
   */
  constructor(getStats, onFigures) {
    this.getStats = getStats;
    this.onFigures = onFigures;
  }

  start() {
    this.stop();
    this.#timer = setInterval(() => this.#measure(), PERIOD_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#stops += 1;
    this.#before = {};
    this.#server = null;
    this.#pace.clear();
  }

  /** Whether the server has been sending too few pictures for some seconds. */
  get behind() {
    return this.#pace.behind;
  }

  /** Whether the network has been carrying less than the full picture for some seconds. */
  get coarse() {
    return this.#pace.coarse;
  }

  /** @param {import("./messages.js").StatsMessage} message */
  onServerStats(message) {
    this.#server = message;
    this.#pace.observe(message.fps, message.rung);
  }

  async #measure() {
    const stops = this.#stops;
    const report = await this.getStats();
    if (!report || stops !== this.#stops) return;
    const now = pickStats(report.values());
    this.onFigures(figures(now, this.#before, this.#server));
    this.#before = now;
  }
}
