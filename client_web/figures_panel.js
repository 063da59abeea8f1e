/** The small panel of figures. A figure that is not known is a dash, never a zero. */

const UNKNOWN = "–";
/** A single reading of the skew wavers by some milliseconds; this share of the new one is taken. */
const SKEW_SMOOTHING = 0.3;

export class FiguresPanel {
  /** @type {number | null} */
  #skew_ms = null;

  /** @param {{ fps: HTMLElement, latency: HTMLElement, skew: HTMLElement }} elements */
  constructor({ fps, latency, skew }) {
    this.fps = fps;
    this.latency = latency;
    this.skew = skew;
  }

  /** @param {import("./stats.js").StreamFigures} figures */
  show({ fps, latency_ms, skew_ms }) {
    this.fps.textContent = fps === null ? UNKNOWN : fps.toFixed(1);
    this.latency.textContent = latency_ms === null ? UNKNOWN : String(Math.round(latency_ms));
    if (skew_ms !== null) {
      const before = this.#skew_ms ?? skew_ms;
      this.#skew_ms = before + SKEW_SMOOTHING * (skew_ms - before);
    }
    this.skew.textContent = this.#skew_ms === null ? UNKNOWN : signed(Math.round(this.#skew_ms));
  }

  clear() {
    this.#skew_ms = null;
    for (const figure of [this.fps, this.latency, this.skew]) figure.textContent = UNKNOWN;
  }
}

/** @param {number} value with a real minus sign, so that the width of the figure stays */
function signed(value) {
  if (value === 0) return "0";
  return value > 0 ? `+${value}` : `−${-value}`;
}
