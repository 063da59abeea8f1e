/** The microphone's part of the settings: which one, how it is cleaned up, how loud it is. */

import { Microphone } from "./microphone.js";

/** The voice level is shown this often, in steps of this size. */
const LEVEL_PERIOD_MS = 80;
const LEVEL_STEP = 0.05;

export class MicrophonePanel {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #levelTimer;

  /**
   * @param {{ devices: HTMLSelectElement, echoCancellation: HTMLInputElement,
   *   noiseSuppression: HTMLInputElement, autoGainControl: HTMLInputElement,
   *   level: HTMLMeterElement }} elements
   * @param {{ onChange: () => void, onEnded: () => void, onLevel: (level: number) => void }}
   *   callbacks `onChange`: another microphone or clean-up is wished; `onEnded`: the device is
   *   gone; `onLevel`: loudness 0..1
   */
  constructor(elements, { onChange, onEnded, onLevel }) {
    this.elements = elements;
    this.onLevel = onLevel;
    this.microphone = new Microphone(onEnded);
    const { devices, echoCancellation, noiseSuppression, autoGainControl } = elements;
    for (const input of [devices, echoCancellation, noiseSuppression, autoGainControl]) {
      input.addEventListener("change", onChange);
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => this.listDevices());
  }

  /** @returns {boolean} */
  get muted() {
    return this.microphone.muted;
  }

  /** @param {boolean} muted */
  set muted(muted) {
    this.microphone.muted = muted;
  }

  /**
   * Opens what is chosen.
   *
   * @returns {Promise<MediaStreamTrack | null>} null: see Microphone.open
   * @throws {import("./call_error.js").CallError} see Microphone.open
   */
  async open() {
    const { devices, echoCancellation, noiseSuppression, autoGainControl } = this.elements;
    const track = await this.microphone.open(devices.value, {
      echoCancellation: echoCancellation.checked,
      noiseSuppression: noiseSuppression.checked,
      autoGainControl: autoGainControl.checked,
    });
    if (!track) return null;
    clearInterval(this.#levelTimer);
    this.#levelTimer = setInterval(() => this.#showLevel(), LEVEL_PERIOD_MS);
    // The devices have names only after one was allowed.
    await this.listDevices();
    return track === this.microphone.track ? track : null;
  }

  close() {
    clearInterval(this.#levelTimer);
    this.microphone.close();
    this.#showLevel();
  }

  async listDevices() {
    const { devices } = this.elements;
    const options = (await Microphone.list())
      .filter(({ deviceId }) => deviceId !== "default" && deviceId !== "communications")
      .map(({ deviceId, label }, index) => new Option(label || `Microphone ${index + 1}`, deviceId));
    const chosen = devices.value;
    devices.replaceChildren(new Option("Default microphone", ""), ...options);
    const stillThere = options.some(({ value }) => value === chosen);
    devices.value = stillThere ? chosen : "";
  }

  #showLevel() {
    const level = Math.round(this.microphone.level() / LEVEL_STEP) * LEVEL_STEP;
    // Every change is painted, and the same processor may be drawing the portrait.
    if (level === this.elements.level.value) return;
    this.elements.level.value = level;
    this.onLevel(level);
  }
}
