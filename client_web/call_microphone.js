/** The microphone of a call: opened for it, muted in it, and replaced by another while it runs. */

import { CallState } from "./call.js";
import { CallError } from "./call_error.js";
import { find } from "./find.js";
import { MicrophonePanel } from "./microphone_panel.js";
import { takesText } from "./typing.js";
import { describe, describeKept } from "./words.js";

export class CallMicrophone {
  #call;
  #notice;
  #onChange;
  #panel;
  #opening = false;
  #mute = find("mute", HTMLButtonElement);

  /**
   * @param {import("./call.js").Call} call
   * @param {import("./notice.js").Notice} notice
   * @param {{ onChange: () => void, onLevel: (level: number) => void }} callbacks `onChange`:
   *   `opening`, `muted` or `silenced` has changed; `onLevel`: loudness 0..1
   */
  constructor(call, notice, { onChange, onLevel }) {
    this.#call = call;
    this.#notice = notice;
    this.#onChange = onChange;
    this.#panel = new MicrophonePanel(
      {
        devices: find("microphone", HTMLSelectElement),
        echoCancellation: find("echo-cancellation", HTMLInputElement),
        noiseSuppression: find("noise-suppression", HTMLInputElement),
        autoGainControl: find("auto-gain", HTMLInputElement),
        level: find("level", HTMLMeterElement),
      },
      {
        onChange: () => this.#replace(),
        onEnded: () => this.#onEnded(),
        onSilenced: onChange,
        onLevel,
      },
    );
    this.#mute.addEventListener("click", () => this.#toggleMute());
    window.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @returns {boolean} the browser asks its user for it */
  get opening() {
    return this.#opening;
  }

  /** @returns {boolean} */
  get muted() {
    return this.#panel.muted;
  }

  /** @returns {boolean} by the system */
  get silenced() {
    return this.#panel.silenced;
  }

  async listDevices() {
    await this.#panel.listDevices();
  }

  /** @returns {Promise<MediaStreamTrack | null>} null: cancelled, or refused, which is told */
  async open() {
    this.#setOpening(true);
    try {
      const track = await this.#panel.open();
      // Cancelled, and perhaps pressed again: that one opens now.
      if (track) this.#setOpening(false);
      return track;
    } catch (error) {
      this.#setOpening(false);
      if (!(error instanceof CallError)) throw error;
      this.#notice.tell(error);
      return null;
    }
  }

  /** Closes it, and what is being opened. */
  close() {
    this.#panel.close();
    if (this.#opening) this.#setOpening(false);
  }

  /** Tells the server of a call whether silence is meant. */
  sendMuted() {
    this.#call.send({ type: "pause", paused: this.muted });
  }

  /** @param {boolean} opening */
  #setOpening(opening) {
    this.#opening = opening;
    this.#onChange();
  }

  /** @param {KeyboardEvent} event */
  #onKey({ target, key, ctrlKey, metaKey, altKey, repeat }) {
    if (takesText(target) || ctrlKey || metaKey || altKey || repeat) return;
    // What is pressed then is an answer.
    if (document.querySelector("dialog[open]")) return;
    if (key.toLowerCase() === "m") this.#toggleMute();
  }

  #toggleMute() {
    this.#panel.muted = !this.muted;
    this.#mute.setAttribute("aria-pressed", String(this.muted));
    this.sendMuted();
    this.#onChange();
  }

  /** By the one that is chosen now. */
  async #replace() {
    if (this.#call.state === CallState.IDLE) return;
    try {
      const track = await this.#panel.open();
      if (track) await this.#call.replaceTrack(track);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#panel.putBack();
      this.#notice.show(describeKept(error));
    }
  }

  /** It goes on with the default one, if there is one. */
  async #onEnded() {
    if (this.#call.state === CallState.IDLE) return;
    try {
      const track = await this.#panel.openDefault();
      if (!track) return;
      await this.#call.replaceTrack(track);
      this.#notice.show(describe(new CallError("microphone-replaced")));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#call.stop();
      this.#notice.tell(error);
      this.listDevices();
    }
  }
}
