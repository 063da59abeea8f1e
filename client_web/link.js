/**
 * One WebRTC connection to the server, from offer to close, whatever it carries. It changes its
 * way through the network with the device, but never reconnects: who uses it makes a new one.
 */

import { CallError } from "./call_error.js";
import { LipSync } from "./lip_sync.js";
import { inNewIceSession } from "./signalling.js";

/** Connecting takes well under a second; beyond this, something on the way is closed. */
const CONNECT_TIMEOUT_MS = 12_000;
/**
 * A device that changes networks restarts ICE, or it heals by itself; it is given this long. To find
 * its own addresses for it, the server may need 5 s.
 */
const DISCONNECTED_GRACE_MS = 7_000;

/** @typedef {import("./signalling.js").Answered} Answered */

/**
 * @returns {RTCPeerConnection}
 * @throws {CallError} Chromium makes only some hundreds until it collects those that were closed
 */
function makeConnection() {
  try {
    return new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new CallError("browser-exhausted", error.message, { retry: true });
  }
}

/**
 * @typedef {object} LinkCallbacks
 * @property {(event: RTCTrackEvent) => void} onTrack
 * @property {() => void} onConnected for the first time, or again
 * @property {() => void} onInterrupted nothing arrives; it is connected again, or lost, soon
 * @property {(error: CallError) => void} onLost called once at most, and never after close()
 */

export class Link {
  /** To which the owner adds what is to be carried, before open(). */
  pc = makeConnection();

  #lipSync = new LipSync(this.pc);
  #callbacks;
  /** @type {import("./signalling.js").CallResource | null} */
  #resource = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #restarting = false;
  #wasConnected = false;
  #closed = false;

  /**
   * @param {LinkCallbacks} callbacks
   * @throws {CallError} there is no connection to be had now
   */
  constructor(callbacks) {
    this.#callbacks = callbacks;
    this.pc.addEventListener("track", callbacks.onTrack);
    this.pc.addEventListener("connectionstatechange", () => this.#onConnectionState());
  }

  /**
   * Offers, and starts to connect. The connection itself is told by `onConnected`.
   *
   * @param {(offer: string, onGone: (error: CallError) => void) => Promise<Answered>} post gives
   *   the server the offer; its answer is waited for after `close`, too: only it tells what is to
   *   be hung up
   */
  async open(post) {
    if (this.#closed) return;
    const { pc } = this;
    this.#timer = setTimeout(() => this.#onTimeout(), CONNECT_TIMEOUT_MS);
    try {
      const offer = await pc.createOffer();
      const { answer, iceServers, resource } = await post(offer.sdp ?? "", (error) => {
        // A connection that is there needs no more candidates.
        if (pc.connectionState !== "connected") this.#lose(error);
      });
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
      this.#lose(error instanceof CallError ? error : new CallError("offer-refused", String(error)));
    }
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#lipSync.stop();
    this.#resource?.hangUp();
    this.pc.close();
  }

  /** @param {string} detail why the connection is of no more use; another may be */
  lose(detail = "") {
    this.#lose(new CallError("connection-lost", detail, { retry: true }));
  }

  #onTimeout() {
    if (this.#resource) this.#onNoWay();
    else this.#lose(new CallError("server-away", "it has not answered", { retry: true }));
  }

  /** The server answers by HTTP, and nothing else of it arrives. */
  #onNoWay() {
    const detail = "no way through the network was found";
    this.#lose(new CallError("no-way", detail, { retry: true }));
  }

  #onConnectionState() {
    if (this.#closed) return;
    switch (this.pc.connectionState) {
      case "connected":
        clearTimeout(this.#timer);
        this.#wasConnected = true;
        this.#lipSync.start();
        this.#callbacks.onConnected();
        break;
      case "disconnected":
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.lose(), DISCONNECTED_GRACE_MS);
        this.#restartIce();
        this.#callbacks.onInterrupted();
        break;
      case "failed":
        if (this.#wasConnected) this.lose();
        else this.#onNoWay();
        break;
      case "closed":
        this.lose();
        break;
      default: // It is on its way, and has the time that it was given.
    }
  }

  /** Looks for another way through the network. Where there is none, the grace runs out. */
  async #restartIce() {
    const { pc } = this;
    if (this.#restarting || !this.#resource) return;
    this.#restarting = true;
    try {
      const fragment = await this.#resource.restartIce(
        async () => {
          await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
          return pc.localDescription?.sdp ?? "";
        },
        async () => {
          if (pc.signalingState === "have-local-offer") {
            await pc.setLocalDescription({ type: "rollback" });
          }
        },
      );
      const sdp = inNewIceSession(pc.remoteDescription?.sdp ?? "", fragment);
      await pc.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      if (this.#closed) return;
      // A server that is there and refuses will not change its mind; a network may come back.
      if (error instanceof CallError) this.lose(error.message);
      else console.warn("ICE could not be restarted", error);
    } finally {
      this.#restarting = false;
    }
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#closed) return;
    this.close();
    this.#callbacks.onLost(error);
  }
}
