/** What goes on, in a line below the picture and a badge on it. */

import { CallState } from "./call.js";
import { INTERRUPTED } from "./words.js";

/**
 * @typedef {Object} Situation
 * @property {boolean} opening the browser asks for the microphone
 * @property {boolean} asksForKey
 * @property {string} call one of `CallState`
 * @property {boolean} interrupted the call's connection, just now
 * @property {boolean} muted
 * @property {boolean} silenced the system has muted the microphone
 * @property {boolean} recording
 * @property {boolean} behind the server sends too few pictures
 * @property {boolean} coarse the network carries too little for the full picture
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
    badge.textContent = onBadge(situation);
  }
}

/**
 * @param {Situation} situation
 * @returns {string} seen while the call is live
 */
function onBadge({ interrupted, muted, silenced, recording }) {
  if (interrupted) return "Interrupted";
  if (muted || silenced) return "Muted";
  return recording ? "Recording" : "Live";
}

/**
 * @param {Situation} situation
 * @returns {string}
 */
function inWords(situation) {
  const { opening, asksForKey, call, muted, silenced, interrupted, recording } = situation;
  if (opening) return "Waiting for your microphone…";
  if (asksForKey) return "Enter your key.";
  switch (call) {
    case CallState.CONNECTING:
      return "Waking the portrait…";
    case CallState.WAITING:
      return "Waiting to try again…";
    case CallState.LIVE:
      if (interrupted) return INTERRUPTED;
      if (muted) return "Muted. The portrait hears silence.";
      if (silenced) return "The system has muted your microphone.";
      if (situation.behind) return "The server is too busy for smooth pictures.";
      if (situation.coarse) return "Your network is slow, so the picture is coarser.";
      if (recording) return "Recording. Speak, and the portrait speaks with you.";
      return "Speak, and the portrait speaks with you.";
    default:
      return situation.chosen ? "Press Start, and speak." : "Choose a portrait.";
  }
}
