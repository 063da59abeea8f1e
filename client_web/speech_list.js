/** The sentences that are still to be said, as the server's events tell it. */

/** @typedef {{ id: string, text: string | null, state: string }} Sentence */

const RECORDING = "A recording";

export class SpeechList {
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();

  /**
   * @param {{ list: HTMLOListElement, empty: HTMLElement }} elements `empty` is in sight while
   *   there is nothing to be said
   * @param {() => void} onChange
   */
  constructor({ list, empty }, onChange) {
    this.list = list;
    this.empty = empty;
    this.onChange = onChange;
    this.paused = false;
  }

  get length() {
    return this.#items.size;
  }

  /** @returns {boolean} whether a sentence is heard, or held in its middle by a pause */
  get speaking() {
    return this.list.querySelector("[aria-current]") !== null;
  }

  clear() {
    this.#reset({ sentences: [], paused: false });
    this.onChange();
  }

  /** @param {import("./event_stream.js").ServerEvent} event */
  take({ kind, data }) {
    if (kind === "queue") this.#reset(data);
    else if (kind === "queued") this.#add({ ...data, state: "waiting" });
    else if (kind === "started") this.#start(data.id);
    else if (kind === "ended" || kind === "failed") this.#remove(data.id);
    else if (kind === "paused") this.paused = data.paused;
    else return;
    this.empty.hidden = this.length > 0;
    this.onChange();
  }

  /** @param {{ sentences: Sentence[], paused: boolean }} queue */
  #reset({ sentences, paused }) {
    this.list.replaceChildren();
    this.#items.clear();
    this.paused = paused;
    for (const sentence of sentences) this.#add(sentence);
    this.empty.hidden = this.length > 0;
  }

  /** @param {Sentence} sentence */
  #add({ id, text, state }) {
    const item = document.createElement("li");
    item.textContent = text ?? RECORDING;
    this.list.append(item);
    this.#items.set(id, item);
    if (state === "speaking") this.#start(id);
  }

  /** @param {string} id */
  #start(id) {
    const item = this.#items.get(id);
    item?.setAttribute("aria-current", "true");
    item?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} id */
  #remove(id) {
    this.#items.get(id)?.remove();
    this.#items.delete(id);
  }
}
