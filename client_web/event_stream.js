/** Server-sent events by `fetch`, because an EventSource can send no key; connects again. */

import { Backoff } from "./backoff.js";
import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

/** The server beats every 15 s: a connection that is silent for longer is only half there. */
const MOST_SILENCE_MS = 45_000;

/** @typedef {{ kind: string, data: any }} ServerEvent */

/**
 * Cuts text that arrives in pieces into events (WHATWG HTML, section 9.2.6); of a field that
 * comes again the last counts, since this server sends each once.
 */
export class EventParser {
  #rest = "";

  /**
   * @param {string} text
   * @returns {ServerEvent[]} those that are complete now
   * @throws {SyntaxError} its data is no JSON
   */
  push(text) {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/, 2)));
      return fields.data === undefined
        ? []
        : [{ kind: fields.event ?? "message", data: JSON.parse(fields.data) }];
    });
  }
}

export class EventStream {
  #abort = new AbortController();

  /**
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {{ onEvent: (event: ServerEvent) => void, onError: (error: CallError) => void }} callbacks
   *   `onError`: it was refused; a connection that drops is made again silently
   * @param {Backoff} [backoff]
   * @param {number} [mostSilence_ms]
   */
  constructor(
    api,
    { onEvent, onError },
    backoff = new Backoff(),
    mostSilence_ms = MOST_SILENCE_MS,
  ) {
    this.api = api;
    this.onEvent = onEvent;
    this.onError = onError;
    this.backoff = backoff;
    this.mostSilence_ms = mostSilence_ms;
  }

  /**
   * Listens there, and nowhere else, until `close` or a refusal.
   *
   * @param {string | URL} url
   */
  async listen(url) {
    this.close();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#read(url, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof CallError && !error.retry) {
          this.onError(error);
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, this.backoff.next_ms()));
    }
  }

  close() {
    this.#abort.abort();
  }

  /**
   * @param {string | URL} url
   * @param {AbortSignal} signal
   */
  async #read(url, signal) {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    signal.addEventListener("abort", abort);
    let silence = setTimeout(abort, this.mostSilence_ms);
    try {
      const response = await this.api.fetch(url, { signal: attempt.signal });
      const pieces = await this.#open(response);
      const parser = new EventParser();
      for (;;) {
        const { done, value } = await pieces.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(abort, this.mostSilence_ms);
        for (const event of parser.push(value)) this.onEvent(event);
      }
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * @param {Response} response
   * @returns {Promise<ReadableStreamDefaultReader<string>>} of its text
   * @throws {CallError} refused
   */
  async #open(response) {
    if (!response.ok || !response.body) {
      const problem = await readProblem(response);
      const retry = response.status >= 500;
      throw (
        accessError(problem) ??
        new CallError(retry ? "server-failed" : "portrait-gone", problem.detail, { retry })
      );
    }
    this.backoff.reset();
    return response.body.pipeThrough(new TextDecoderStream()).getReader();
  }
}
