/** Whether the server keeps up: told by the new pictures that it sends a second. */

const FULL_PER_S = 25;
/** Messages, one a second: a hiccup is none of the user's concern. */
const REMEMBERED = 5;
/** Below the first share it falls behind; at the second it has caught up: words must not flicker. */
const BEHIND = 0.7;
const CAUGHT_UP = 0.9;

export class Pace {
  /** @type {number[]} */
  #recent = [];
  /** Too few pictures for some seconds. */
  behind = false;

  /** @param {number} fps new pictures sent in the last second */
  observe(fps) {
    this.#recent = [...this.#recent, fps].slice(-REMEMBERED);
    if (this.#recent.length < REMEMBERED) return;
    const share = this.#recent.reduce((sum, each) => sum + each, 0) / (REMEMBERED * FULL_PER_S);
    this.behind = share < (this.behind ? CAUGHT_UP : BEHIND);
  }

  clear() {
    this.#recent = [];
    this.behind = false;
  }
}
