/** One connection that watches a live avatar (WHEP). */

import { Link } from "./link.js";
import { postOffer } from "./signalling.js";

export class WatchLink {
  #link;

  /**
   * @param {{ onStream: (stream: MediaStream) => void, onConnected: () => void,
   *   onInterrupted: () => void,
   *   onLost: (error: import("./call_error.js").CallError) => void }} callbacks see Link
   * @throws {import("./call_error.js").CallError} see Link
   */
  constructor({ onStream, onConnected, onInterrupted, onLost }) {
    this.#link = new Link({
      onTrack: ({ track, streams }) => {
        if (track.kind === "video") onStream(streams[0]);
      },
      onConnected,
      onInterrupted,
      onLost,
    });
    const { pc } = this.#link;
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.addTransceiver("video", { direction: "recvonly" });
  }

  /**
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {URL} url
   * @param {Promise<void>} [audible] settled when sound can be heard
   */
  async open(api, url, audible) {
    await audible;
    await this.#link.open((offer, onGone) => postOffer(api, url, offer, onGone));
  }

  close() {
    this.#link.close();
  }
}
