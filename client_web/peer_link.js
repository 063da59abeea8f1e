/**
 * One WebRTC connection to the server, from offer to close. It never reconnects: call.js decides
 * that and makes a new link.
 */

import { CallError } from "./call_error.js";
import { ControlChannel } from "./control_channel.js";

/** Connecting takes well under a second; beyond this, something on the way is closed. */
const CONNECT_TIMEOUT_MS = 12_000;
/** ICE often heals by itself when a phone changes networks; it is given this long. */
const DISCONNECTED_GRACE_MS = 4_000;
/** The least the browser is asked to hold back. Both tracks get the same, so lip sync holds. */
const JITTER_BUFFER_TARGET_MS = 0;

/**
 * @typedef {object} LinkCallbacks
 * @property {(stream: MediaStream) => void} onStream the avatar's sound and picture, together
 * @property {() => void} onConnected
 * @property {(message: import("./messages.js").ServerMessage) => void} onMessage
 * @property {(error: CallError) => void} onLost called once at most, and never after close()
 */

export class PeerLink {
  #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #abort = new AbortController();
  /** @type {import("./signalling.js").CallResource | null} */
  #resource = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #closed = false;
  #sender;
  #control;

  /**
   * @param {MediaStreamTrack} microphoneTrack
   * @param {LinkCallbacks} callbacks
   */
  constructor(microphoneTrack, callbacks) {
    this.callbacks = callbacks;
    const pc = this.#pc;
    this.#control = new ControlChannel(pc.createDataChannel("control", { ordered: true }), {
      onMessage: callbacks.onMessage,
      onClose: () => this.#lose(new CallError("connection-lost", "", { retry: true })),
    });
    this.#sender = pc.addTransceiver(microphoneTrack, { direction: "sendrecv" }).sender;
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addEventListener("track", (event) => this.#onTrack(event));
    pc.addEventListener("connectionstatechange", () => this.#onConnectionState());
  }

  /**
   * Offers, and starts to connect. The connection itself is told by `onConnected`.
   *
   * @param {import("./signalling.js").Signalling} signalling
   * @param {string} portraitId
   */
  async open(signalling, portraitId) {
    const pc = this.#pc;
    this.#timer = setTimeout(() => {
      const detail = "no way through the network was found";
      this.#lose(new CallError("connection-lost", detail, { retry: true }));
    }, CONNECT_TIMEOUT_MS);
    try {
      const offer = await pc.createOffer();
      const { answer, iceServers, resource } = await signalling.call(
        offer.sdp ?? "",
        portraitId,
        this.#abort.signal,
        (error) => this.#lose(error),
      );
      if (this.#closed) {
        resource.hangUp();
        return;
      }
      this.#resource = resource;
      // RFC 9725 section 4.6: the servers must be known before candidates are gathered.
      if (iceServers.length) pc.setConfiguration({ bundlePolicy: "max-bundle", iceServers });
      pc.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.candidate === "") return;
        const sdp = pc.localDescription?.sdp ?? "";
        resource.trickle(sdp, candidate?.candidate ?? null);
      });
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof CallError) this.#lose(error);
      else this.#lose(new CallError("offer-refused", String(error)));
    }
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
    return this.#pc.getStats();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#resource?.hangUp();
    this.#pc.close();
  }

  /** @param {RTCTrackEvent} event */
  #onTrack(event) {
    if ("jitterBufferTarget" in event.receiver) {
      event.receiver.jitterBufferTarget = JITTER_BUFFER_TARGET_MS;
    }
    // Both tracks name the same stream in the answer, so the browser keeps the lips in sync.
    if (event.track.kind === "video") this.callbacks.onStream(event.streams[0]);
  }

  #onConnectionState() {
    if (this.#closed) return;
    const state = this.#pc.connectionState;
    if (state === "connected") {
      clearTimeout(this.#timer);
      this.callbacks.onConnected();
    } else if (state === "disconnected") {
      clearTimeout(this.#timer);
      const error = new CallError("connection-lost", "", { retry: true });
      this.#timer = setTimeout(() => this.#lose(error), DISCONNECTED_GRACE_MS);
    } else if (state === "failed" || state === "closed") {
      this.#lose(new CallError("connection-lost", "", { retry: true }));
    }
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#closed) return;
    this.close();
    this.callbacks.onLost(error);
  }
}
