/** Refusals that have nothing to do with what was asked: who asks, and how often. */

import { CallError } from "./call_error.js";

/**
 * By the server's problem codes; `retry`: it may go better later.
 *
 * @type {Record<string, { kind: import("./call_error.js").ErrorKind, retry: boolean }>}
 */
const MEANINGS = {
  "key-required": { kind: "key-needed", retry: false },
  "invalid-key": { kind: "key-refused", retry: false },
  "insufficient-scope": { kind: "key-too-narrow", retry: false },
  "no-keys": { kind: "no-keys", retry: false },
  "too-many-requests": { kind: "too-often", retry: true },
};

/**
 * @param {import("./problem.js").Problem} problem
 * @returns {CallError | null} null: it was refused for another reason
 */
export function accessError({ code, detail, retryAfter_s }) {
  if (!Object.hasOwn(MEANINGS, code)) return null;
  const { kind, retry } = MEANINGS[code];
  return new CallError(kind, detail, { retry, retryAfter_s });
}
