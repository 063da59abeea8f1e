/** Below the gallery: keeping an upload as a named avatar, changing and deleting one. */

import { CallError } from "./call_error.js";
import { find } from "./find.js";

/**
 * @typedef {import("./portrait_picker.js").Portrait} Portrait
 * @typedef {import("./gallery_api.js").Settings} Settings
 */

const DELETE = "Delete";
const DELETE_FOR_GOOD = "Delete for good?";

export class AvatarPanel {
  /** @type {Portrait | null} */
  #portrait = null;
  #busy = false;

  #keep = find("keep", HTMLElement);
  #name = find("avatar-name", HTMLInputElement);
  #kept = find("kept", HTMLElement);
  #change = find("avatar-change", HTMLButtonElement);
  #delete = find("avatar-delete", HTMLButtonElement);
  #said = find("avatar-said", HTMLElement);

  /**
   * @param {import("./gallery_api.js").GalleryApi} api
   * @param {{ settings: () => Settings,
   *   onKept: (upload: Portrait, avatar: import("./gallery_api.js").Avatar) => void,
   *   onChanged: (portrait: Portrait, settings: Settings) => void,
   *   onDeleted: (portrait: Portrait) => void,
   *   onError: (error: CallError) => void }} callbacks `settings`: those to keep
   */
  constructor(api, callbacks) {
    this.api = api;
    this.callbacks = callbacks;
    find("keep-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#do((portrait) => this.#keepUpload(portrait));
    });
    this.#change.addEventListener("click", () => {
      this.#do((portrait) => this.#keepSettings(portrait));
    });
    this.#delete.addEventListener("click", () => this.#onDelete());
    this.#delete.addEventListener("blur", () => (this.#delete.textContent = DELETE));
  }

  /** @param {Portrait} portrait the one that is selected */
  show(portrait) {
    this.#portrait = portrait;
    this.#said.textContent = "";
    this.#delete.textContent = DELETE;
    this.#keep.hidden = portrait.upload === undefined;
    this.#kept.hidden = portrait.settings === undefined;
    this.#name.value = "";
  }

  #onDelete() {
    if (this.#delete.textContent !== DELETE_FOR_GOOD) this.#delete.textContent = DELETE_FOR_GOOD;
    else this.#do((portrait) => this.#deleteAvatar(portrait));
  }

  /** @param {(portrait: Portrait) => Promise<void>} work one thing at a time */
  async #do(work) {
    if (!this.#portrait || this.#busy) return;
    this.#busy = true;
    try {
      await work(this.#portrait);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.callbacks.onError(error);
    } finally {
      this.#busy = false;
    }
  }

  /** @param {Portrait} portrait */
  async #keepUpload(portrait) {
    if (!portrait.upload) return;
    const { file, consent } = portrait.upload;
    const settings = this.callbacks.settings();
    const avatar = await this.api.keep(this.#name.value, file, consent, settings);
    this.callbacks.onKept(portrait, avatar);
    this.#change.focus();
    this.#said.textContent = `Kept as ${avatar.name}, with these settings.`;
  }

  /** @param {Portrait} portrait */
  async #keepSettings(portrait) {
    const settings = this.callbacks.settings();
    await this.api.change(portrait.id, settings);
    this.callbacks.onChanged(portrait, settings);
    this.#said.textContent = "Settings kept.";
  }

  /** @param {Portrait} portrait */
  async #deleteAvatar(portrait) {
    await this.api.remove(portrait.id);
    this.callbacks.onDeleted(portrait);
    this.#said.textContent = `${portrait.title} was deleted.`;
  }
}
