/** One connection of a call: our microphone, the avatar's sound and picture, the control channel. */

import { ControlChannel } from "./control_channel.js";
import { Link } from "./link.js";

/** The least the browser is asked to hold back. Both tracks get the same, so lip sync holds. */
const JITTER_BUFFER_TARGET_MS = 0;

/**
 * @typedef {object} PeerLinkCallbacks
 * @property {(stream: MediaStream) => void} onStream the avatar's sound and picture, together
 * @property {() => void} onConnected for the first time, or again
 * @property {() => void} onInterrupted see Link
 * @property {(message: import("./messages.js").ServerMessage) => void} onMessage
 * @property {(error: import("./call_error.js").CallError) => void} onLost called once at most, and
 *   never after close()
 */

export class PeerLink {
  #callbacks;
  #link;
  #sender;
  #control;

  /**
   * @param {MediaStreamTrack} microphoneTrack
   * @param {PeerLinkCallbacks} callbacks
   * @throws {import("./call_error.js").CallError} see Link
   */
  constructor(microphoneTrack, callbacks) {
    this.#callbacks = callbacks;
    const { onConnected, onInterrupted, onLost } = callbacks;
    const onTrack = (/** @type {RTCTrackEvent} */ event) => this.#onTrack(event);
    this.#link = new Link({ onTrack, onConnected, onInterrupted, onLost });
    const { pc } = this.#link;
    this.#control = new ControlChannel(pc.createDataChannel("control", { ordered: true }), {
      onMessage: callbacks.onMessage,
      onClose: () => this.#link.lose(),
    });
    this.#sender = pc.addTransceiver(microphoneTrack, { direction: "sendrecv" }).sender;
    pc.addTransceiver("video", { direction: "recvonly" });
  }

  /**
   * See Link.
   *
   * @param {Parameters<Link["open"]>[0]} post
   */
  async open(post) {
    await this.#link.open(post);
  }

  /** @param {import("./messages.js").ClientMessage} message */
  send(message) {
    this.#control.send(message);
  }

  /** @param {MediaStreamTrack} track another microphone, without a new connection */
  async replaceTrack(track) {
    await this.#sender.replaceTrack(track);
  }

  /** @returns {Promise<RTCStatsReport>} */
  getStats() {
    return this.#link.pc.getStats();
  }

  close() {
    this.#link.close();
  }

  /** @param {RTCTrackEvent} event */
  #onTrack(event) {
    if ("jitterBufferTarget" in event.receiver) {
      event.receiver.jitterBufferTarget = JITTER_BUFFER_TARGET_MS;
    }
    // Both tracks name the same stream in the answer, so the browser keeps the lips in sync.
    if (event.track.kind === "video") this.#callbacks.onStream(event.streams[0]);
  }
}
