/** Below the gallery: keeping an upload as a named avatar, changing and deleting one. */

import { allow } from "./allow.js";
import { CallError } from "./call_error.js";
import { find } from "./find.js";

/**
 * @typedef {import("./portrait_picker.js").Portrait} Portrait
 * @typedef {import("./gallery_api.js").Settings} Settings
 */

const DELETE = "Delete";
const DELETE_FOR_GOOD = "Delete for good?";
/** Who has not answered by then has not meant it. */
const DISARM_MS = 4_000;

export class AvatarPanel {
  /** @type {Portrait | null} */
  #portrait = null;
  #busy = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #disarmTimer;

  #keep = find("keep", HTMLElement);
  #name = find("avatar-name", HTMLInputElement);
  #kept = find("kept", HTMLElement);
  #change = find("avatar-change", HTMLButtonElement);
  #delete = find("avatar-delete", HTMLButtonElement);
  #said = find("avatar-said", HTMLElement);
  #buttons = [...document.querySelectorAll(".keep button")].filter(
    (element) => element instanceof HTMLButtonElement,
  );

  /**
   * @param {import("./gallery_api.js").GalleryApi} api
   * @param {{ settings: (() => Settings) | null,
   *   onKept: (upload: Portrait, avatar: import("./gallery_api.js").Avatar) => void,
   *   onChanged: (portrait: Portrait, settings: Settings) => void,
   *   onDeleted: (portrait: Portrait) => void,
   *   onError: (error: CallError) => void }} callbacks `settings`: those to keep; null: an avatar
   *   has the server's, or those that it had
   */
  constructor(api, callbacks) {
    this.api = api;
    this.callbacks = callbacks;
    find("keep-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#do("Keeping…", (portrait) => this.#keepUpload(portrait));
    });
    this.#change.hidden = !callbacks.settings;
    this.#change.addEventListener("click", () => {
      this.#do("Keeping…", (portrait) => this.#keepSettings(portrait));
    });
    this.#delete.addEventListener("click", (event) => {
      // A double-click is one wish.
      if (event.detail <= 1) this.#onDelete();
    });
    this.#delete.addEventListener("blur", () => this.#disarm());
  }

  /** @param {Portrait} portrait the one that is selected */
  show(portrait) {
    this.#portrait = portrait;
    this.#said.textContent = "";
    this.#disarm();
    this.#keep.hidden = portrait.upload === undefined;
    this.#kept.hidden = portrait.settings === undefined;
    this.#name.value = "";
  }

  #onDelete() {
    if (this.#delete.textContent === DELETE_FOR_GOOD) {
      this.#disarm();
      this.#do("Deleting…", (portrait) => this.#deleteAvatar(portrait));
    } else {
      this.#delete.textContent = DELETE_FOR_GOOD;
      this.#disarmTimer = setTimeout(() => this.#disarm(), DISARM_MS);
    }
  }

  #disarm() {
    clearTimeout(this.#disarmTimer);
    this.#delete.textContent = DELETE;
  }

  /**
   * One thing at a time.
   *
   * @param {string} meanwhile
   * @param {(portrait: Portrait) => Promise<string>} work returns what to say then
   */
  async #do(meanwhile, work) {
    if (!this.#portrait || this.#busy) return;
    this.#setBusy(true);
    this.#said.textContent = meanwhile;
    try {
      this.#said.textContent = await work(this.#portrait);
    } catch (error) {
      this.#said.textContent = "";
      if (!(error instanceof CallError)) throw error;
      this.callbacks.onError(error);
    } finally {
      this.#setBusy(false);
    }
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    this.#busy = busy;
    for (const button of this.#buttons) allow(button, !busy);
  }

  /** @param {Portrait} portrait */
  async #keepUpload(portrait) {
    if (!portrait.upload) return "";
    const { file, consent } = portrait.upload;
    const settings = this.callbacks.settings?.();
    const avatar = await this.api.keep(this.#name.value, file, consent, settings);
    const hadFocus = this.#keep.contains(document.activeElement);
    this.callbacks.onKept(portrait, avatar);
    // Not Delete: who presses Enter twice means nothing by it.
    if (hadFocus) (settings ? this.#change : chosenRadio())?.focus();
    return `Kept as ${avatar.name}${settings ? ", with these settings" : ""}.`;
  }

  /** @param {Portrait} portrait */
  async #keepSettings(portrait) {
    const settings = this.callbacks.settings?.();
    if (!settings) return "";
    await this.api.change(portrait.id, settings);
    this.callbacks.onChanged(portrait, settings);
    return "Settings kept.";
  }

  /** @param {Portrait} portrait */
  async #deleteAvatar(portrait) {
    await this.api.remove(portrait.id);
    this.callbacks.onDeleted(portrait);
    return `${portrait.title} was deleted.`;
  }
}

/** @returns {HTMLInputElement | null} of the portrait that is selected */
function chosenRadio() {
  return document.querySelector("#gallery input:checked");
}
