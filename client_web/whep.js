/** Watching a live avatar by WHEP (draft-ietf-wish-whep), again after a dropped connection. */

import { Backoff } from "./backoff.js";
import { CallError } from "./call_error.js";
import { postOffer } from "./signalling.js";

/** As for a call, see peer_link.js. */
const CONNECT_TIMEOUT_MS = 12_000;
const DISCONNECTED_GRACE_MS = 4_000;

export const WatchState = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  WAITING: "waiting",
  LIVE: "live",
});

/** One connection, from offer to close. */
class WatchLink {
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

export class Viewer {
  /** @type {string} */
  #state = WatchState.IDLE;
  #avatar = "";
  /** @type {WatchLink | null} */
  #link = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {string | URL} base the page's address, below which `whep/` lives
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {{ onStream: (stream: MediaStream) => void,
   *   onState: (state: string, reason: CallError | null) => void }} callbacks `reason`: why it
   *   waits or has ended, null when that was wished for, or the avatar is no longer live
   * @param {Backoff} [backoff]
   */
  constructor(base, api, callbacks, backoff = new Backoff()) {
    this.base = base;
    this.api = api;
    this.callbacks = callbacks;
    this.backoff = backoff;
  }

  get state() {
    return this.#state;
  }

  /**
   * Watches `avatar`, and no other; nothing changes if it is watched already.
   *
   * @param {string} avatar
   */
  watch(avatar) {
    if (this.#state !== WatchState.IDLE && this.#avatar === avatar) return;
    this.stop();
    this.#avatar = avatar;
    this.backoff.reset();
    this.#attempt();
  }

  stop() {
    if (this.#state !== WatchState.IDLE) this.#end(null);
  }

  /** @returns {Promise<void>} settled when it is live, or has ended */
  settled() {
    if (this.#state === WatchState.LIVE || this.#state === WatchState.IDLE) {
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #attempt() {
    this.#become(WatchState.CONNECTING, null);
    this.#link = new WatchLink({
      onStream: this.callbacks.onStream,
      onConnected: () => {
        this.backoff.reset();
        if (this.#state === WatchState.CONNECTING) this.#become(WatchState.LIVE, null);
      },
      onLost: (error) => this.#onLost(error),
    });
    this.#link.open(this.api, new URL(`whep/${encodeURIComponent(this.#avatar)}`, this.base));
  }

  /** @param {CallError} error */
  #onLost(error) {
    if (!error.retry) {
      this.#end(error.kind === "not-live" ? null : error);
      return;
    }
    this.#link = null;
    const wait_ms =
      error.retryAfter_s === null ? this.backoff.next_ms() : error.retryAfter_s * 1000;
    this.#retryTimer = setTimeout(() => this.#attempt(), wait_ms);
    this.#become(WatchState.WAITING, error);
  }

  /** @param {CallError | null} reason */
  #end(reason) {
    clearTimeout(this.#retryTimer);
    this.#link?.close();
    this.#link = null;
    this.#become(WatchState.IDLE, reason);
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   */
  #become(state, reason) {
    this.#state = state;
    if (state === WatchState.LIVE || state === WatchState.IDLE) {
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    this.callbacks.onState(state, reason);
  }
}
