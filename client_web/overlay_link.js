/**
 * One connection that watches an avatar with alpha (WHEP). It never reconnects: overlay_watch.js
 * does that, with a new link.
 */

import { CallError } from "./call_error.js";
import { CallResource, parseIceServers, refusal } from "./signalling.js";

/** Connecting takes well under a second; beyond this, something on the way is closed. */
const CONNECT_TIMEOUT_MS = 12_000;
/** ICE may heal by itself; it is given this long. */
const DISCONNECTED_GRACE_MS = 4_000;

/**
 * @typedef {object} OverlayLinkCallbacks
 * @property {(stream: MediaStream) => void} onStream
 * @property {() => void} onConnected
 * @property {(error: CallError) => void} onLost called once at most, and never after close()
 */

export class OverlayLink {
  #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #abort = new AbortController();
  /** @type {CallResource | null} */
  #resource = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #closed = false;

  /** @param {OverlayLinkCallbacks} callbacks */
  constructor(callbacks) {
    this.callbacks = callbacks;
    const pc = this.#pc;
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addEventListener("track", ({ track, streams }) => {
      if (track.kind === "video") this.callbacks.onStream(streams[0]);
    });
    pc.addEventListener("connectionstatechange", () => this.#onConnectionState());
  }

  /**
   * Offers, and starts to connect. The connection itself is told by `onConnected`.
   *
   * @param {URL} url of the WHEP endpoint
   * @param {import("./api.js").Api} api
   */
  async open(url, api) {
    const pc = this.#pc;
    const slow = new CallError("connection-lost", "no way through the network was found");
    this.#timer = setTimeout(() => this.#lose(slow), CONNECT_TIMEOUT_MS);
    try {
      const offer = await pc.createOffer();
      const response = await api.fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: offer.sdp,
        signal: this.#abort.signal,
      });
      if (!response.ok) throw await refusal(response);
      const resource = new CallResource(
        new URL(response.headers.get("Location") ?? "", response.url).href,
        response.headers.get("ETag"),
        api,
        (error) => this.#lose(error),
      );
      const answer = await response.text();
      if (this.#closed) {
        resource.hangUp();
        return;
      }
      this.#resource = resource;
      const iceServers = parseIceServers(response.headers.get("Link"));
      if (iceServers.length) pc.setConfiguration({ bundlePolicy: "max-bundle", iceServers });
      pc.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.candidate === "") return;
        resource.trickle(pc.localDescription?.sdp ?? "", candidate?.candidate ?? null);
      });
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      if (this.#closed) return;
      this.#lose(error instanceof CallError ? error : new CallError("server-away", String(error)));
    }
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#resource?.hangUp();
    this.#pc.close();
  }

  #onConnectionState() {
    if (this.#closed) return;
    const state = this.#pc.connectionState;
    if (state === "connecting") return;
    clearTimeout(this.#timer);
    if (state === "connected") {
      this.callbacks.onConnected();
      return;
    }
    const grace_ms = state === "disconnected" ? DISCONNECTED_GRACE_MS : 0;
    this.#timer = setTimeout(() => this.#lose(new CallError("connection-lost")), grace_ms);
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#closed) return;
    this.close();
    this.callbacks.onLost(error);
  }
}
