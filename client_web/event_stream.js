/** Server-sent events by `fetch`, because an EventSource can send no key; connects again. */

import { Backoff } from "./backoff.js";
import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

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
   */
  constructor(api, { onEvent, onError }, backoff = new Backoff()) {
    this.api = api;
    this.onEvent = onEvent;
    this.onError = onError;
    this.backoff = backoff;
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
    const response = await this.api.fetch(url, { signal });
    if (!response.ok || !response.body) {
      const problem = await readProblem(response);
      const retry = response.status >= 500;
      throw (
        accessError(problem) ??
        new CallError(retry ? "server-failed" : "portrait-gone", problem.detail, { retry })
      );
    }
    this.backoff.reset();
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const event of parser.push(value)) this.onEvent(event);
    }
  }
}
