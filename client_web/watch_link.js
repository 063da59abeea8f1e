/** One connection that watches a live avatar (WHEP). It never reconnects: who uses it makes a new one. */

import { CallError } from "./call_error.js";
import { postOffer } from "./signalling.js";

/** As for a call, see peer_link.js. */
const CONNECT_TIMEOUT_MS = 12_000;
const DISCONNECTED_GRACE_MS = 4_000;

/** One connection, from offer to close. */
export class WatchLink {
  #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #abort = new AbortController();
  /** @type {import("./signalling.js").CallResource | null} */
  #resource = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #closed = false;

  /**
   * @param {{ onStream: (stream: MediaStream) => void, onConnected: () => void,
   *   onLost: (error: CallError) => void }} callbacks `onLost`: once at most, never after close()
   */
  constructor(callbacks) {
    this.callbacks = callbacks;
    const pc = this.#pc;
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addEventListener("track", ({ track, streams }) => {
      if (track.kind === "video") callbacks.onStream(streams[0]);
    });
    pc.addEventListener("connectionstatechange", () => this.#onConnectionState());
  }

  /**
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {URL} url
   */
  async open(api, url) {
    const pc = this.#pc;
    const late = new CallError("connection-lost", "no way was found", { retry: true });
    this.#timer = setTimeout(() => this.#lose(late), CONNECT_TIMEOUT_MS);
    try {
      const offer = await pc.createOffer();
      const { answer, iceServers, resource } = await postOffer(
        api,
        url,
        offer.sdp ?? "",
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
        resource.trickle(pc.localDescription?.sdp ?? "", candidate?.candidate ?? null);
      });
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      if (this.#closed) return;
      this.#lose(error instanceof CallError ? error : new CallError("offer-refused", String(error)));
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
    clearTimeout(this.#timer);
    const lost = new CallError("connection-lost", "", { retry: true });
    switch (this.#pc.connectionState) {
      case "connected":
        this.callbacks.onConnected();
        break;
      case "disconnected":
        this.#timer = setTimeout(() => this.#lose(lost), DISCONNECTED_GRACE_MS);
        break;
      case "failed":
      case "closed":
        this.#lose(lost);
        break;
      default:
        this.#timer = setTimeout(() => this.#lose(lost), CONNECT_TIMEOUT_MS);
    }
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#closed) return;
    this.close();
    this.callbacks.onLost(error);
  }
}
