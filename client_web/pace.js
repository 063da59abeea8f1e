/** Whether server and network keep up: told by the pictures that are sent, and how coarse. */

const FULL_PER_S = 25;
/** Messages, one a second: a hiccup is none of the user's concern. */
const REMEMBERED = 5;
/** Below the first share it falls behind; at the second it has caught up: words must not flicker. */
const BEHIND = 0.7;
const CAUGHT_UP = 0.9;

export class Pace {
  /** @type {number[]} */
  #recent = [];
  #coarse_s = 0;
  /** Too few pictures for some seconds. */
  behind = false;

  /** @returns {boolean} too few bits a picture, for some seconds */
  get coarse() {
    return this.#coarse_s >= REMEMBERED;
  }

  /**
   * @param {number} fps new pictures sent in the last second
   * @param {number} rung how often their bitrate is halved
   */
  observe(fps, rung) {
    this.#coarse_s = rung > 0 ? this.#coarse_s + 1 : 0;
    this.#recent = [...this.#recent, fps].slice(-REMEMBERED);
    if (this.#recent.length < REMEMBERED) return;
    const share = this.#recent.reduce((sum, each) => sum + each, 0) / (REMEMBERED * FULL_PER_S);
    this.behind = share < (this.behind ? CAUGHT_UP : BEHIND);
  }

  clear() {
    this.#recent = [];
    this.#coarse_s = 0;
    this.behind = false;
  }
}
