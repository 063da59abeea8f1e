/**
 * The one kind of error this page raises on purpose. `kind` chooses the words that people read
 * (see words.js), `detail` is what the server or the browser said.
 */

/**
 * @typedef {"insecure-context" | "microphone-refused" | "microphone-missing" | "microphone-busy"
 *   | "microphone-failed" | "server-full" | "server-starting" | "server-stopped" | "server-away"
 *   | "server-failed" | "offer-refused" | "portrait-gone" | "portrait-refused" | "portraits-busy"
 *   | "portraits-unavailable" | "connection-lost" | "no-way" | "call-ended" | "call-idle"
 *   | "key-needed" | "key-refused" | "key-too-narrow" | "no-keys" | "too-often" | "avatar-exists"
 *   | "avatar-refused" | "recording-gone" | "recording-split" | "not-live" | "speech-refused"
 *   | "speech-failed" | "voice-taken" | "gave-up" | "browser-exhausted" | "microphone-replaced"
 *   | "sound-held" | "server-says"} ErrorKind
 */

export class CallError extends Error {
  /**
   * @param {ErrorKind} kind
   * @param {string} [detail] a sentence from the server or the browser
   * @param {{ retry?: boolean, retryAfter_s?: number | null }} [options] `retry`: trying again
   *   may help; `retryAfter_s`: the server said after how many seconds
   */
  constructor(kind, detail = "", { retry = false, retryAfter_s = null } = {}) {
    super(detail || kind);
    this.name = "CallError";
    this.kind = kind;
    this.detail = detail;
    this.retry = retry;
    this.retryAfter_s = retryAfter_s;
  }
}
