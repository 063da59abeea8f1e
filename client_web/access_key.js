/**
 * The key that opens the server to this page. It comes in the address (`#key=...`, a part that
 * browsers send to nobody) or is typed, and lives as long as the tab does.
 */

const STORED_AS = "likeness-key";
/** Characters that a header can carry (RFC 6750 section 2.1 takes even fewer). */
const SENDABLE = /^[\x21-\x7e]+$/;

/** @returns {Storage | null} null where the browser is set to keep nothing: it throws then */
function tabStorage() {
  try {
    return window.sessionStorage;
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

export class AccessKey {
  #value;
  #storage;

  /** @param {Storage | null} [storage] null: the key is kept until the page is left */
  constructor(storage = tabStorage()) {
    this.#storage = storage;
    this.#value = storage?.getItem(STORED_AS) ?? "";
  }

  /** @returns {string} empty while there is none */
  get value() {
    return this.#value;
  }

  /** @returns {boolean} whether this page will still have it when it is loaded again */
  get survivesReload() {
    return this.#storage !== null || !this.#value;
  }

  /**
   * @param {string} text as typed or linked; space around it does not count
   * @returns {boolean} false: this cannot be a key, and nothing has changed
   */
  use(text) {
    const key = text.trim();
    if (!SENDABLE.test(key)) return false;
    this.#value = key;
    this.#storage?.setItem(STORED_AS, key);
    return true;
  }

  forget() {
    this.#value = "";
    this.#storage?.removeItem(STORED_AS);
  }

  /**
   * Uses the key in the page's address, and takes it out of there: an address is shown, shared and
   * remembered.
   *
   * @returns {boolean} whether there was one
   */
  takeFromAddress() {
    const fragment = new URLSearchParams(window.location.hash.slice(1));
    const key = fragment.get("key");
    if (key === null) return false;
    fragment.delete("key");
    const { pathname, search } = window.location;
    const rest = fragment.toString();
    history.replaceState(history.state, "", pathname + search + (rest && `#${rest}`));
    return this.use(key);
  }
}
