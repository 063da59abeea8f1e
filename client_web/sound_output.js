/**
 * The way to the loudspeaker, opened before there is sound for it. That takes a browser up to
 * seconds; Firefox keeps what arrives meanwhile, and plays it that much after its pictures.
 */

/** A device that takes longer, or that is not there, is not waited for. */
const PATIENCE_MS = 2_000;

/**
 * @param {AudioContext} context
 * @param {number} [patience_ms]
 * @returns {Promise<void>} settled when it runs, or is not worth waiting for
 */
export function untilRunning(context, patience_ms = PATIENCE_MS) {
  if (context.state !== "suspended") return Promise.resolve();
  return new Promise((resolve) => {
    context.addEventListener("statechange", () => resolve(), { once: true });
    setTimeout(resolve, patience_ms);
  });
}

export class SoundOutput {
  /** @type {AudioContext | null} */
  #context = null;

  /** @returns {Promise<void>} see untilRunning */
  async open() {
    // Before a press, browsers let no context run: there is nothing to wait for.
    if (!navigator.userActivation?.hasBeenActive) return;
    try {
      this.#context ??= new AudioContext();
    } catch (error) {
      console.warn("sound is not waited for: the browser makes no audio context", error);
      return;
    }
    await untilRunning(this.#context);
  }

  close() {
    this.#context?.close();
    this.#context = null;
  }
}
