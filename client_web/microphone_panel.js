/** The microphone's part of the settings: which one, how it is cleaned up, how loud it is. */

import { Microphone } from "./microphone.js";

/** The voice level is shown this often, in steps of this size. */
const LEVEL_PERIOD_MS = 80;
const LEVEL_STEP = 0.05;

export class MicrophonePanel {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #levelTimer;
  /** What the open microphone was chosen with. */
  #used;

  /**
   * @param {{ devices: HTMLSelectElement, echoCancellation: HTMLInputElement,
   *   noiseSuppression: HTMLInputElement, autoGainControl: HTMLInputElement,
   *   level: HTMLMeterElement }} elements
   * @param {{ onChange: () => void, onEnded: () => void, onSilenced: () => void,
   *   onLevel: (level: number) => void }} callbacks `onChange`: another microphone or clean-up is
   *   wished; `onEnded`: the device is gone; `onSilenced`: `silenced` has changed; `onLevel`:
   *   loudness 0..1
   */
  constructor(elements, { onChange, onEnded, onSilenced, onLevel }) {
    this.elements = elements;
    this.onLevel = onLevel;
    this.microphone = new Microphone({ onEnded, onSilenced });
    this.#used = this.#chosen();
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

  /** @returns {boolean} by the system */
  get silenced() {
    return this.microphone.silenced;
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
    const chosen = this.#chosen();
    const track = await this.microphone.open(chosen.deviceId, chosen.processing);
    if (!track) return null;
    this.#used = chosen;
    clearInterval(this.#levelTimer);
    this.#levelTimer = setInterval(() => this.#showLevel(), LEVEL_PERIOD_MS);
    // The devices have names only after one was allowed. A call does not wait for them.
    this.listDevices();
    return track;
  }

  /**
   * Opens the default one, whatever is chosen.
   *
   * @returns {Promise<MediaStreamTrack | null>}
   * @throws {import("./call_error.js").CallError} see Microphone.open
   */
  openDefault() {
    this.elements.devices.value = "";
    return this.open();
  }

  /** Shows what is used, in place of a choice that could not be opened. */
  putBack() {
    const { deviceId, processing } = this.#used;
    const { echoCancellation, noiseSuppression, autoGainControl } = this.elements;
    this.#choose(deviceId);
    echoCancellation.checked = processing.echoCancellation;
    noiseSuppression.checked = processing.noiseSuppression;
    autoGainControl.checked = processing.autoGainControl;
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
    this.#choose(chosen);
  }

  /** @param {string} deviceId the default one is chosen where it is not there */
  #choose(deviceId) {
    const { devices } = this.elements;
    devices.value = deviceId;
    if (devices.selectedIndex < 0) devices.value = "";
  }

  #chosen() {
    const { devices, echoCancellation, noiseSuppression, autoGainControl } = this.elements;
    return {
      deviceId: devices.value,
      processing: {
        echoCancellation: echoCancellation.checked,
        noiseSuppression: noiseSuppression.checked,
        autoGainControl: autoGainControl.checked,
      },
    };
  }

  #showLevel() {
    const level = Math.round(this.microphone.level() / LEVEL_STEP) * LEVEL_STEP;
    // Every change is painted, and the same processor may be drawing the portrait.
    if (level === this.elements.level.value) return;
    this.elements.level.value = level;
    this.onLevel(level);
  }
}
