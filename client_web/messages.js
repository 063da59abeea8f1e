/**
 * The JSON messages of the data channel "control". Mirror of server/messages.py: the two change
 * together, and tests/browser/test_messages.py compares them.
 */

export const EXPRESSIONS = Object.freeze(["neutral", "happy", "sad", "angry", "surprised"]);

/**
 * @typedef {{ type: "expression", name: string, strength: number }} ExpressionMessage
 *   strength 0..1
 * @typedef {{ type: "head_motion", speed: number }} HeadMotionMessage speed 0..1
 * @typedef {{ type: "pause", paused: boolean }} PauseMessage
 * @typedef {{ type: "portrait", id: string }} PortraitMessage asks for, or tells of, a portrait
 * @typedef {{ type: "record", active: boolean }} RecordMessage begin or stop recording the call
 * @typedef {ExpressionMessage | HeadMotionMessage | PauseMessage | PortraitMessage
 *   | RecordMessage} ClientMessage
 *
 * @typedef {{ type: "ready", session: string }} ReadyMessage
 * @typedef {{ type: "stats", fps: number, late_frames: number, repeated_frames: number,
 *   dropped_frames: number, playout_delay_ms: number, microphone_packet_ms: number,
 *   av_skew_ms: number, num_steps: number, painted: boolean, halved: boolean,
 *   rung: number, compute_ms: number }} StatsMessage once a second; counters since the call began;
 *   `rung`: how often the picture's bitrate is halved, because the network carries no more
 * @typedef {{ type: "error", code: string, message: string, fatal: boolean }} ErrorMessage
 * @typedef {{ type: "ended", reason: string }} EndedMessage
 * @typedef {{ type: "recording", active: boolean, id: string }} RecordingMessage
 * @typedef {ReadyMessage | StatsMessage | PortraitMessage | RecordingMessage | ErrorMessage
 *   | EndedMessage}
 *   ServerMessage
 */

/** Field types of every message, by direction and type. */
export const CLIENT_FIELDS = Object.freeze({
  expression: { name: "string", strength: "number" },
  head_motion: { speed: "number" },
  pause: { paused: "boolean" },
  portrait: { id: "string" },
  record: { active: "boolean" },
});

export const SERVER_FIELDS = Object.freeze({
  ready: { session: "string" },
  stats: {
    fps: "number",
    late_frames: "number",
    repeated_frames: "number",
    dropped_frames: "number",
    playout_delay_ms: "number",
    microphone_packet_ms: "number",
    av_skew_ms: "number",
    num_steps: "number",
    painted: "boolean",
    halved: "boolean",
    rung: "number",
    compute_ms: "number",
  },
  portrait: { id: "string" },
  recording: { active: "boolean", id: "string" },
  error: { code: "string", message: "string", fatal: "boolean" },
  ended: { reason: "string" },
});

/**
 * @param {ClientMessage} message
 * @returns {string}
 */
export function encode(message) {
  return JSON.stringify(message);
}

/**
 * @param {string} text
 * @returns {ServerMessage}
 * @throws {TypeError | SyntaxError} not JSON, not a known message, or a field of another type
 */
export function decode(text) {
  const message = JSON.parse(text);
  /** @type {Record<string, Record<string, string>>} */
  const known = SERVER_FIELDS;
  const type = message?.type;
  if (typeof type !== "string" || !Object.hasOwn(known, type)) {
    throw new TypeError(
      `control message has type ${JSON.stringify(type)}, expected one of ${Object.keys(known)}`,
    );
  }
  for (const [field, expected] of Object.entries(known[type])) {
    if (typeof message[field] !== expected) {
      throw new TypeError(
        `control message "${type}" has ${field} = ${JSON.stringify(message[field])}, ` +
          `expected a ${expected}`,
      );
    }
  }
  return message;
}
