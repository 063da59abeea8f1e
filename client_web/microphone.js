/** The user's microphone: choosing, opening, muting, and how loud it is. */

import { CallError } from "./call_error.js";
import { untilRunning } from "./sound_output.js";

/**
 * @typedef {object} Processing what the browser does to the sound before it is sent
 * @property {boolean} echoCancellation needed with loudspeakers: the portrait's voice would
 *   come back into the microphone
 * @property {boolean} noiseSuppression
 * @property {boolean} autoGainControl
 */

/** @type {Record<string, import("./call_error.js").ErrorKind>} names of getUserMedia's errors */
const KINDS = {
  NotAllowedError: "microphone-refused",
  SecurityError: "microphone-refused",
  NotFoundError: "microphone-missing",
  OverconstrainedError: "microphone-missing",
  NotReadableError: "microphone-busy",
  AbortError: "microphone-busy",
};

/** Full scale of the level display: quieter than this is shown as nothing. */
const LEVEL_FLOOR_DB = -55;

/**
 * @param {unknown} error from getUserMedia
 * @returns {CallError}
 */
export function microphoneError(error) {
  if (error instanceof CallError) return error;
  const name = error instanceof DOMException ? error.name : "";
  return new CallError(KINDS[name] ?? "microphone-failed", String(error));
}

export class Microphone {
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  #samples = new Float32Array(1024);
  /** Counts what was wished for, so that a browser that answers late opens nothing. */
  #wish = 0;
  #muted = false;

  /**
   * @param {{ onEnded: () => void, onSilenced: () => void }} callbacks `onEnded`: the device was
   *   unplugged or taken away; `onSilenced`: `silenced` has changed
   */
  constructor({ onEnded, onSilenced }) {
    this.onEnded = onEnded;
    this.onSilenced = onSilenced;
    document.addEventListener("visibilitychange", () => this.#wakeMeter());
  }

  /** @returns {MediaStreamTrack | null} */
  get track() {
    return this.#stream?.getAudioTracks()[0] ?? null;
  }

  /** @returns {boolean} */
  get muted() {
    return this.#muted;
  }

  /** @returns {boolean} the system gives only silence: a switch on the device, a phone call */
  get silenced() {
    return this.track?.muted ?? false;
  }

  /** @param {boolean} muted the stream goes on, with silence */
  set muted(muted) {
    this.#muted = muted;
    if (this.track) this.track.enabled = !muted;
  }

  /**
   * Opens a microphone, and closes the one that was open.
   *
   * @param {string} deviceId "" = the browser's default
   * @param {Processing} processing
   * @returns {Promise<MediaStreamTrack | null>} null: it was closed meanwhile, or another is opened
   * @throws {CallError} refused, missing, busy, or this page may not ask
   */
  async open(deviceId, processing) {
    if (!window.isSecureContext || !navigator.mediaDevices) {
      throw new CallError("insecure-context");
    }
    this.#wish += 1;
    const wish = this.#wish;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          ...processing,
          channelCount: { ideal: 1 },
          ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
        },
      });
    } catch (error) {
      if (wish !== this.#wish) return null;
      throw microphoneError(error);
    }
    if (wish !== this.#wish) {
      stopTracks(stream);
      return null;
    }
    if (!stream.active) throw new CallError("microphone-missing");
    const replaces = this.#stream !== null;
    this.#release();
    this.#stream = stream;
    const [track] = stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.addEventListener("ended", () => this.onEnded());
    for (const change of ["mute", "unmute"]) {
      track.addEventListener(change, () => this.onSilenced());
    }
    const meter = this.#tryMeter(stream);
    // The one before is closed: a call has no sound until it is given this one.
    if (replaces) return track;
    // What is heard here is sent back, and has to be played as it comes.
    if (meter) await untilRunning(meter);
    if (this.#stream !== stream) return null;
    if (!stream.active) {
      this.close();
      throw new CallError("microphone-missing");
    }
    return track;
  }

  /** @returns {number} loudness now, 0 (silence) .. 1 (full scale) */
  level() {
    if (!this.#analyser || this.#muted) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    const level_db = 10 * Math.log10(power + 1e-12);
    return Math.min(1, Math.max(0, 1 - level_db / LEVEL_FLOOR_DB));
  }

  /** Closes it, and what is being opened. */
  close() {
    this.#wish += 1;
    this.#release();
  }

  /** @returns {Promise<MediaDeviceInfo[]>} names are empty until a microphone was allowed */
  static async list() {
    if (!navigator.mediaDevices) return [];
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "audioinput" && device.deviceId);
  }

  #release() {
    if (this.#stream) stopTracks(this.#stream);
    this.#stream = null;
    this.#closeMeter();
  }

  #closeMeter() {
    this.#source?.disconnect();
    this.#source = null;
    this.#analyser = null;
    // A context that is kept would hold the audio device, and on phones its indicator, open.
    this.#context?.close();
    this.#context = null;
  }

  /**
   * @param {MediaStream} stream
   * @returns {AudioContext | null} null: this browser measures nothing, and it is used all the same
   */
  #tryMeter(stream) {
    try {
      return this.#meter(stream);
    } catch (error) {
      console.warn("the microphone's level is not shown: the browser does not measure it", error);
      this.#closeMeter();
      return null;
    }
  }

  /**
   * @param {MediaStream} stream
   * @returns {AudioContext} in which it is measured
   */
  #meter(stream) {
    const context = new AudioContext();
    this.#context = context;
    this.#source = context.createMediaStreamSource(stream);
    this.#analyser = new AnalyserNode(context, { fftSize: this.#samples.length });
    this.#source.connect(this.#analyser);
    context.addEventListener("statechange", () => this.#wakeMeter());
    return context;
  }

  /** Phones suspend it for a call, and leave it so. */
  async #wakeMeter() {
    const context = this.#context;
    if (!context || document.hidden || ["running", "closed"].includes(context.state)) return;
    try {
      await context.resume();
    } catch (error) {
      // Still interrupted: it is tried again when that ends, or the page is seen again.
      if (!(error instanceof DOMException)) throw error;
    }
  }
}

/** @param {MediaStream} stream */
function stopTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
