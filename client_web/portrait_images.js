/** Where an `img` gets a portrait from: it can send no key, so with one the page fetches it. */

import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

export class PortraitImages {
  /** Of the few portraits of a gallery, for as long as the page is open.
   * @type {Map<string, Promise<string>>} */
  #fetched = new Map();

  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
  }

  /**
   * @param {string} url of the server's
   * @returns {Promise<string>} what `src` can be set to
   * @throws {CallError} refused, or the server is away
   */
  async source(url) {
    if (!this.api.key.value) return url;
    const known = this.#fetched.get(url);
    if (known) return known;
    const fetching = this.#fetch(url);
    this.#fetched.set(url, fetching);
    try {
      return await fetching;
    } catch (error) {
      this.#fetched.delete(url);
      throw error;
    }
  }

  /**
   * @param {string} url
   * @returns {Promise<string>}
   */
  async #fetch(url) {
    try {
      const response = await this.api.fetch(url);
      if (response.ok) return URL.createObjectURL(await response.blob());
      const problem = await readProblem(response);
      throw accessError(problem) ?? new CallError("portraits-unavailable", problem.detail);
    } catch (error) {
      if (error instanceof CallError) throw error;
      throw new CallError("portraits-unavailable", String(error));
    }
  }
}
