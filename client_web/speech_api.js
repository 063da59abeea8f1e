/** What a presenter asks of the server: say, pause, stop, and be live. */

import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

/** @type {Record<string, { kind: import("./call_error.js").ErrorKind, retry: boolean }>} */
const MEANINGS = {
  starting: { kind: "server-starting", retry: true },
  "server-full": { kind: "server-full", retry: true },
  "unknown-portrait": { kind: "portrait-gone", retry: false },
  "unusable-portrait": { kind: "portrait-refused", retry: false },
  "voice-taken": { kind: "voice-taken", retry: true },
  "speech-failed": { kind: "speech-failed", retry: true },
  "speech-server-away": { kind: "speech-failed", retry: true },
};

export class SpeechApi {
  /**
   * @param {string | URL} base the page's address, below which `v1/avatars` lives
   * @param {Pick<import("./api.js").Api, "fetch">} api
   */
  constructor(base, api) {
    this.base = base;
    this.api = api;
  }

  /**
   * @param {string} avatar
   * @returns {URL} of its events
   */
  eventsUrl(avatar) {
    return this.#url(avatar, "events");
  }

  /**
   * @param {string} avatar
   * @returns {Promise<boolean>}
   * @throws {CallError} as all of these: refused, or the server is away
   */
  async isLive(avatar) {
    const response = await this.#send(avatar, "live", "GET");
    if (response.ok) return true;
    if (response.status === 409) return false;
    throw await refusal(response);
  }

  /** @param {string} avatar */
  async wake(avatar) {
    await this.#ask(avatar, "live", "PUT");
  }

  /**
   * @param {string} avatar
   * @param {string} text
   */
  async say(avatar, text) {
    await this.#ask(avatar, "say", "POST", { text });
  }

  /**
   * @param {string} avatar
   * @param {boolean} paused
   */
  async pause(avatar, paused) {
    await this.#ask(avatar, "say/pause", "PUT", { paused });
  }

  /** @param {string} avatar */
  async stop(avatar) {
    await this.#ask(avatar, "say", "DELETE");
  }

  /**
   * @param {string} avatar
   * @param {string} what
   */
  #url(avatar, what) {
    return new URL(`v1/avatars/${encodeURIComponent(avatar)}/${what}`, this.base);
  }

  /**
   * @param {string} avatar
   * @param {string} what
   * @param {string} method
   * @param {object} [content]
   */
  async #ask(avatar, what, method, content) {
    const response = await this.#send(avatar, what, method, content);
    if (!response.ok) throw await refusal(response);
  }

  /**
   * @param {string} avatar
   * @param {string} what
   * @param {string} method
   * @param {object} [content]
   * @returns {Promise<Response>}
   */
  async #send(avatar, what, method, content) {
    const sent = content && {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(content),
    };
    try {
      return await this.api.fetch(this.#url(avatar, what), { method, ...sent });
    } catch (error) {
      throw new CallError("server-away", String(error), { retry: true });
    }
  }
}

/**
 * @param {Response} response
 * @returns {Promise<CallError>}
 */
async function refusal(response) {
  const problem = await readProblem(response);
  const refused = accessError(problem);
  if (refused) return refused;
  const { code, detail, retryAfter_s } = problem;
  const { kind, retry } = Object.hasOwn(MEANINGS, code)
    ? MEANINGS[code]
    : /** @type {const} */ ({ kind: "speech-refused", retry: false });
  return new CallError(kind, detail, { retry, retryAfter_s });
}
