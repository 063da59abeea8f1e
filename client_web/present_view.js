/** What is seen of the presenter's page: what can be pressed, what is heard, what goes on. */

import { allow, isAllowed } from "./allow.js";
import { find } from "./find.js";
import { WatchState } from "./whep.js";
import { INTERRUPTED } from "./words.js";

/**
 * @typedef {Object} Situation
 * @property {boolean} asksForKey
 * @property {import("./portrait_picker.js").Portrait | null} avatar
 * @property {boolean} sending a text is on its way to the server
 * @property {boolean} canSay
 * @property {boolean} canSpeak one can begin to speak oneself
 * @property {boolean} wasLeft one's own voice has ended by the choice of another portrait
 * @property {import("./speech_list.js").SpeechList} list
 * @property {import("./whep.js").Viewer} viewer
 * @property {import("./own_voice.js").OwnVoice} voice
 */

export class PresentView {
  #say = find("say", HTMLButtonElement);
  #pause = find("pause", HTMLButtonElement);
  #stop = find("stop", HTMLButtonElement);
  #sound = find("sound", HTMLButtonElement);
  #status = find("status", HTMLElement);
  #badge = find("badge", HTMLElement);
  /** What the user wishes, whatever can be heard now. */
  #audible = true;
  #stage;

  /** @param {import("./stage.js").Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    this.#sound.addEventListener("click", () => {
      if (!isAllowed(this.#sound)) return;
      this.#audible = !this.#audible;
      this.#showSound(false);
    });
  }

  /** @param {Situation} situation */
  show(situation) {
    const { list, voice, sending, canSay, canSpeak } = situation;
    const { paused, length } = list;
    document.body.dataset.speech = paused ? "paused" : length ? "speaking" : "silent";
    allow(this.#say, canSay);
    this.#say.title = voice.active ? "You are speaking yourself" : "";
    voice.allow(canSpeak, length || sending ? "Something is still to be said" : "");
    for (const button of [this.#pause, this.#stop]) allow(button, length > 0);
    this.#pause.setAttribute("aria-pressed", String(paused));
    this.#showSound(voice.active);
    const text = inWords(situation);
    // The same words again would be read aloud again.
    if (this.#status.textContent !== text) this.#status.textContent = text;
    this.#badge.textContent = onBadge(situation);
  }

  /** @param {boolean} withOwnVoice which the microphone would hear again, and is not heard here */
  #showSound(withOwnVoice) {
    const audible = this.#audible && !withOwnVoice;
    allow(this.#sound, !withOwnVoice);
    this.#sound.title = withOwnVoice ? "Off while you speak yourself" : "";
    this.#sound.setAttribute("aria-pressed", String(audible));
    this.#stage.setAudible(audible);
  }
}

/**
 * @param {Situation} situation
 * @returns {string} seen while the avatar is watched
 */
function onBadge({ list, viewer, voice }) {
  if (list.paused) return "Paused";
  if (viewer.interrupted || voice.interrupted) return "Interrupted";
  return voice.muted ? "Muted" : "Live";
}

/**
 * @param {Situation} situation
 * @returns {string}
 */
function inWords({ asksForKey, avatar, sending, canSay, wasLeft, list, viewer, voice }) {
  if (asksForKey) return "Enter your key.";
  if (!avatar) return "Choose a portrait.";
  if (voice.active) return voice.interrupted ? INTERRUPTED : voice.status;
  if (wasLeft) return "You speak no longer: another portrait was chosen.";
  if (avatar.upload) return "Give the portrait a name, and press Keep: then it can speak.";
  if (sending && viewer.state !== WatchState.LIVE) return "Waking the portrait…";
  if (viewer.interrupted) return INTERRUPTED;
  if (list.paused) return "Paused in mid-sentence.";
  if (list.speaking) return "Speaking.";
  if (list.length || sending) return "About to speak…";
  return canSay ? "Press Say." : "Write something, and press Say.";
}
