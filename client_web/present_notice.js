/** The notice of the presenter's page, where two connections may have something to tell. */

import { Notice } from "./notice.js";
import { describe } from "./words.js";

/** @typedef {import("./whep.js").Viewer | import("./own_voice.js").OwnVoice} Waiting */

export class PresentNotice extends Notice {
  /** Whose waiting is told. @type {Waiting | null} */
  #waiting = null;

  /** @param {Parameters<Notice["show"]>} what */
  show(...what) {
    super.show(...what);
    this.#waiting = null;
  }

  /**
   * @param {Waiting} who waits to try again
   * @param {import("./call_error.js").CallError} reason
   * @param {number} retryIn_ms
   * @param {boolean} [matters] what was refused is more than what is not seen
   */
  tellWaiting(who, reason, retryIn_ms, matters = false) {
    if (!matters && this.isOpen && this.#waiting !== who) return;
    const action = { label: "Try now", run: () => who.retryNow() };
    this.show(describe(reason), action, retryIn_ms);
    this.#waiting = who;
  }

  /** @param {Waiting} who waits no longer */
  settle(who) {
    if (this.#waiting !== who) return;
    this.#waiting = null;
    this.hide();
  }
}
