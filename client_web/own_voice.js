/** Speaking through the avatar oneself: its button, the microphone, and the way to the server. */

import { allow, isAllowed } from "./allow.js";
import { CallError } from "./call_error.js";
import { find } from "./find.js";
import { MicrophonePanel } from "./microphone_panel.js";
import { takesText } from "./typing.js";
import { PublishState, Publisher } from "./whip.js";
import { describeKept } from "./words.js";

export class OwnVoice {
  #speak = find("speak", HTMLButtonElement);
  #caption = find("speak-caption", HTMLElement);
  #mute = find("mute", HTMLButtonElement);
  /** The browser asks for the microphone. */
  #opening = false;
  #microphone;
  #publisher;

  /**
   * @param {string | URL} base
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {object} callbacks
   * @param {() => void} callbacks.onWish the user wants to `start`
   * @param {() => void} callbacks.onChange of whatever can be asked here
   * @param {(state: string, reason: CallError | null, retryIn_ms: number) => void}
   *   callbacks.onState see Publisher
   * @param {(error: CallError) => void} callbacks.onError the microphone cannot be had, or is
   *   another one now
   * @param {(words: { title: string, text: string }) => void} callbacks.onKept the microphone that
   *   was chosen cannot be had
   * @param {(level: number) => void} callbacks.onLevel of the voice, 0..1
   */
  constructor(base, api, callbacks) {
    this.callbacks = callbacks;
    this.#microphone = new MicrophonePanel(
      {
        devices: find("microphone", HTMLSelectElement),
        echoCancellation: find("echo-cancellation", HTMLInputElement),
        noiseSuppression: find("noise-suppression", HTMLInputElement),
        autoGainControl: find("auto-gain", HTMLInputElement),
        level: find("level", HTMLMeterElement),
      },
      {
        onChange: () => this.#onMicrophoneChange(),
        onEnded: () => this.#onMicrophoneEnded(),
        onSilenced: callbacks.onChange,
        onLevel: callbacks.onLevel,
      },
    );
    this.#publisher = new Publisher(base, api, {
      onInterrupted: callbacks.onChange,
      onState: (state, reason, retryIn_ms) => this.#onState(state, reason, retryIn_ms),
    });
    this.#speak.addEventListener("click", (event) => {
      // A double-click is one wish.
      if (event.detail > 1 || !isAllowed(this.#speak)) return;
      if (this.active) this.stop();
      else callbacks.onWish();
    });
    this.#mute.addEventListener("click", () => this.#toggleMute());
    window.addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey, altKey, repeat } = event;
      if (takesText(event.target) || ctrlKey || metaKey || altKey || repeat) return;
      // What is pressed then is an answer.
      if (document.querySelector("dialog[open]")) return;
      if (key.toLowerCase() === "m" && this.active) this.#toggleMute();
    });
    this.#microphone.listDevices();
  }

  /** @returns {boolean} from the press of the button on */
  get active() {
    return this.#opening || this.#publisher.state !== PublishState.IDLE;
  }

  /** @returns {boolean} the avatar hears silence */
  get muted() {
    return this.active && (this.#microphone.muted || this.#microphone.silenced);
  }

  /** @returns {boolean} see Publisher */
  get interrupted() {
    return this.#publisher.interrupted;
  }

  /** @returns {string} what goes on, "" unless active */
  get status() {
    if (this.#opening) return "Waiting for your microphone…";
    switch (this.#publisher.state) {
      case PublishState.CONNECTING:
        return "Waking the portrait…";
      case PublishState.WAITING:
        return "Waiting to try again…";
      case PublishState.LIVE:
        if (this.#microphone.muted) return "Muted. The portrait hears silence.";
        if (this.#microphone.silenced) return "The system has muted your microphone.";
        return "You are speaking yourself. The sound is off here meanwhile: it would echo.";
      default:
        return "";
    }
  }

  /**
   * @param {boolean} allowed to begin; it can be stopped in any case
   * @param {string} reason why not
   */
  allow(allowed, reason) {
    allow(this.#speak, allowed || this.active);
    this.#speak.title = this.active ? "" : reason;
  }

  /** @param {string} avatar */
  async start(avatar) {
    this.#opening = true;
    this.#show();
    try {
      const track = await this.#microphone.open();
      // Stopped, and perhaps pressed again: that one opens now.
      if (!track) return;
      this.#opening = false;
      this.#publisher.start(track, avatar);
    } catch (error) {
      this.#opening = false;
      this.#show();
      if (!(error instanceof CallError)) throw error;
      this.callbacks.onError(error);
    }
  }

  /** The server lets the voice go, and the microphone is closed. */
  stop() {
    if (this.#opening) {
      this.#opening = false;
      this.#microphone.close();
      this.#show();
    } else this.#publisher.stop();
  }

  /** See Publisher. */
  retryNow() {
    this.#publisher.retryNow();
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   * @param {number} retryIn_ms
   */
  #onState(state, reason, retryIn_ms) {
    if (state === PublishState.IDLE) this.#microphone.close();
    this.#show();
    this.callbacks.onState(state, reason, retryIn_ms);
  }

  async #onMicrophoneChange() {
    if (this.#publisher.state === PublishState.IDLE) return;
    try {
      const track = await this.#microphone.open();
      if (track) await this.#publisher.replaceTrack(track);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#microphone.putBack();
      this.callbacks.onKept(describeKept(error));
    }
    this.#show();
  }

  /** It goes on with the default one, if there is one. */
  async #onMicrophoneEnded() {
    if (this.#publisher.state === PublishState.IDLE) return;
    try {
      const track = await this.#microphone.openDefault();
      if (!track) return;
      await this.#publisher.replaceTrack(track);
      this.callbacks.onError(new CallError("microphone-replaced"));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.stop();
      this.callbacks.onError(error);
      this.#microphone.listDevices();
    }
    this.#show();
  }

  #toggleMute() {
    this.#microphone.muted = !this.#microphone.muted;
    this.#show();
  }

  #show() {
    const { active } = this;
    // Who presses the button wants to be heard.
    if (!active) this.#microphone.muted = false;
    const label = this.#opening ? "Cancel" : active ? "Stop speaking" : "Speak yourself";
    if (this.#caption.textContent !== label) this.#caption.textContent = label;
    this.#mute.setAttribute("aria-pressed", String(this.#microphone.muted));
    const hadFocus = document.activeElement === this.#mute;
    document.body.toggleAttribute("data-own-voice", active);
    if (hadFocus && !active) this.#speak.focus();
    this.callbacks.onChange();
  }
}
