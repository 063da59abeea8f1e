/**
 * The portrait: a still picture at once, and the live stream over it as soon as its first frame
 * is drawn. The still always lies below, so a change either way is a fade and never a jump. With
 * its buttons it can fill the screen.
 */

import { CallError } from "./call_error.js";

/** Longer than the fade in stage.css, so that the stream is let go only when it is invisible. */
const FADE_MS = 700;

export class Stage {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #releaseTimer;
  /** Counts the streams shown, so that a late first frame of an old one changes nothing. */
  #showing = 0;
  /** Counts the stills, for the same reason. */
  #stills = 0;

  /**
   * @param {{ stage: HTMLElement, frame: HTMLElement, still: HTMLImageElement,
   *   video: HTMLVideoElement, expand: HTMLButtonElement }} elements `stage`: what fills the
   *   screen once `expand` is pressed
   * @param {() => void} onPlaybackBlocked the browser wants a click before it plays sound
   */
  constructor({ stage, frame, still, video, expand }, onPlaybackBlocked) {
    this.stage = stage;
    this.frame = frame;
    this.still = still;
    this.video = video;
    this.expand = expand;
    this.onPlaybackBlocked = onPlaybackBlocked;
    // The system pauses it for a phone call or an assistant, and leaves it so.
    video.addEventListener("pause", () => this.#playOn());
    document.addEventListener("visibilitychange", () => this.#playOn());
    expand.hidden = !document.fullscreenEnabled;
    expand.addEventListener("click", () => this.#toggleExpanded());
    document.addEventListener("fullscreenchange", () => this.#labelExpand());
    this.#labelExpand();
  }

  /**
   * @param {string} url
   * @param {string} title
   * @throws {CallError} it cannot be loaded, and no other was asked for meanwhile
   */
  async showStill(url, title) {
    this.#stills += 1;
    const asked = this.#stills;
    const next = new Image();
    next.src = url;
    try {
      await next.decode();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      if (asked !== this.#stills) return;
      throw new CallError("portraits-unavailable", error.message);
    }
    if (asked !== this.#stills) return;
    this.still.alt = title;
    this.still.src = url;
    this.still.hidden = false;
  }

  /** @param {MediaStream} stream */
  async showStream(stream) {
    clearTimeout(this.#releaseTimer);
    this.#showing += 1;
    const showing = this.#showing;
    this.video.srcObject = stream;
    this.#onFirstFrame(() => {
      if (showing === this.#showing) this.frame.classList.add("moving");
    });
    await this.play();
  }

  async play() {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      // AbortError: another stream took this one's place before it began.
      if (error.name === "NotAllowedError") this.onPlaybackBlocked();
      else if (error.name !== "AbortError") throw error;
    }
  }

  #playOn() {
    const { srcObject, paused } = this.video;
    const isLive = srcObject instanceof MediaStream && srcObject.active;
    if (isLive && paused && !document.hidden) this.play();
  }

  /** Back to the still picture. */
  hideStream() {
    this.#showing += 1;
    this.frame.classList.remove("moving");
    clearTimeout(this.#releaseTimer);
    this.#releaseTimer = setTimeout(() => {
      this.video.srcObject = null;
    }, FADE_MS);
  }

  /** @param {boolean} audible */
  setAudible(audible) {
    this.video.muted = !audible;
  }

  /** @param {number} level loudness of the voice, 0..1, shown as a glow */
  setVoiceLevel(level) {
    this.frame.style.setProperty("--voice", level.toFixed(3));
  }

  async #toggleExpanded() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.stage.requestFullscreen();
    } catch (error) {
      // The page stays as it is, which is seen.
      if (!(error instanceof TypeError)) throw error;
      console.warn("the screen cannot be filled:", error.message);
    }
  }

  #labelExpand() {
    const label = document.fullscreenElement ? "Leave full screen" : "Fill the screen";
    this.expand.setAttribute("aria-label", label);
    this.expand.title = label;
  }

  /** @param {() => void} callback */
  #onFirstFrame(callback) {
    if (typeof this.video.requestVideoFrameCallback === "function") {
      this.video.requestVideoFrameCallback(callback);
    } else {
      this.video.addEventListener("loadeddata", callback, { once: true });
    }
  }
}
