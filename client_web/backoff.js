/** How long to wait before the next attempt: doubling, capped, with jitter so that a restarted
 * server is not hit by all its clients at once. */
export class Backoff {
  #attempt = 0;

  /**
   * @param {{ first_ms?: number, most_ms?: number, random?: () => number }} [options]
   *   `random` returns 0..1; it is an argument so that tests can choose it
   */
  constructor({ first_ms = 500, most_ms = 10_000, random = Math.random } = {}) {
    this.first_ms = first_ms;
    this.most_ms = most_ms;
    this.random = random;
  }

  /** @returns {number} milliseconds, between half and all of the step's length */
  next_ms() {
    const step_ms = Math.min(this.most_ms, this.first_ms * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.round(step_ms * (0.5 + 0.5 * this.random()));
  }

  reset() {
    this.#attempt = 0;
  }
}
