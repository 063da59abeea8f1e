/** One connection that gives an avatar its voice (WHIP, RFC 9725). */

import { Link } from "./link.js";
import { postOffer } from "./signalling.js";

export class PublishLink {
  #link;
  #sender;

  /**
   * @param {MediaStreamTrack} track
   * @param {{ onConnected: () => void, onInterrupted: () => void,
   *   onLost: (error: import("./call_error.js").CallError) => void }} callbacks see Link
   * @throws {import("./call_error.js").CallError} see Link
   */
  constructor(track, callbacks) {
    this.#link = new Link({ ...callbacks, onTrack: () => undefined });
    this.#sender = this.#link.pc.addTransceiver(track, { direction: "sendonly" }).sender;
  }

  /**
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {URL} url
   */
  async open(api, url) {
    await this.#link.open((offer, onGone) => postOffer(api, url, offer, onGone));
  }

  /** @param {MediaStreamTrack} track another microphone, without a new connection */
  async replaceTrack(track) {
    await this.#sender.replaceTrack(track);
  }

  close() {
    this.#link.close();
  }
}
