/** What goes on, in a line below the picture and a badge on it. */

import { CallState } from "./call.js";

/**
 * @typedef {Object} Situation
 * @property {boolean} opening the browser asks for the microphone
 * @property {boolean} asksForKey
 * @property {string} call one of `CallState`
 * @property {boolean} muted
 * @property {boolean} recording
 * @property {boolean} behind the server sends too few pictures
 * @property {boolean} chosen a portrait is
 */

export class StatusLine {
  #elements;

  /** @param {{ line: HTMLElement, badge: HTMLElement }} elements */
  constructor(elements) {
    this.#elements = elements;
  }

  /** @param {Situation} situation */
  show(situation) {
    const { line, badge } = this.#elements;
    const text = inWords(situation);
    // The same words again would be read aloud again.
    if (line.textContent !== text) line.textContent = text;
    const live = situation.recording ? "Recording" : "Live";
    badge.textContent = situation.muted ? "Muted" : live;
  }
}

/**
 * @param {Situation} situation
 * @returns {string}
 */
function inWords({ opening, asksForKey, call, muted, recording, behind, chosen }) {
  if (opening) return "Waiting for your microphone…";
  if (asksForKey) return "Enter your key.";
  switch (call) {
    case CallState.CONNECTING:
      return "Waking the portrait…";
    case CallState.WAITING:
      return "Waiting to try again…";
    case CallState.LIVE:
      if (muted) return "Muted. The portrait hears silence.";
      if (behind) return "The server is too busy for smooth pictures.";
      if (recording) return "Recording. Speak, and the portrait speaks with you.";
      return "Speak, and the portrait speaks with you.";
    default:
      return chosen ? "Press Start, and speak." : "Choose a portrait.";
  }
}
