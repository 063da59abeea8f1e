/**
 * Typed messages over the data channel "control". Until the channel opens, the newest message
 * of every type is kept; older ones of the same type no longer matter.
 */

import { decode, encode } from "./messages.js";

export class ControlChannel {
  /** @type {Map<string, import("./messages.js").ClientMessage>} */
  #waiting = new Map();

  /**
   * @param {RTCDataChannel} channel
   * @param {{ onMessage: (message: import("./messages.js").ServerMessage) => void,
   *   onClose: () => void }} callbacks
   */
  constructor(channel, { onMessage, onClose }) {
    this.channel = channel;
    channel.addEventListener("open", () => this.#flush());
    channel.addEventListener("close", onClose);
    channel.addEventListener("message", (event) => {
      try {
        onMessage(decode(event.data));
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
        console.warn("ignored a control message:", error.message);
      }
    });
  }

  /** @param {import("./messages.js").ClientMessage} message */
  send(message) {
    if (this.channel.readyState === "open") this.channel.send(encode(message));
    else this.#waiting.set(message.type, message);
  }

  #flush() {
    for (const message of this.#waiting.values()) this.channel.send(encode(message));
    this.#waiting.clear();
  }
}
