/**
 * The gallery: choosing one of the server's portraits or avatars, or adding one by file, drop or
 * paste.
 */

import { AvatarPanel } from "./avatar_panel.js";
import { CallError } from "./call_error.js";
import { ConsentDialog } from "./consent_dialog.js";
import { find } from "./find.js";
import { takesText } from "./typing.js";

/**
 * @typedef {import("./gallery_api.js").Settings} Settings
 * @typedef {{ id: string, title: string, credit: string, image_url: string, settings?: Settings,
 *   upload?: { file: File, consent: string } }} Portrait
 *   `settings`: of an avatar; `upload`: of a portrait that the server keeps for a while only
 */

export class PortraitPicker {
  /** @type {Portrait[]} */
  #portraits = [];
  #selectedId = "";
  #uploading = false;
  /** @type {File | null} */
  #next = null;
  #fileInput = document.createElement("input");
  #consent = new ConsentDialog();

  /**
   * @param {import("./gallery_api.js").GalleryApi} api
   * @param {import("./portrait_images.js").PortraitImages} images
   * @param {{ settings: (() => Settings) | null,
   *   onSelect: (portrait: Portrait, byUser: boolean) => void,
   *   onError: (error: CallError) => void }} callbacks `settings`: those that are set now, null on
   *   a page that sets none
   */
  constructor(api, images, { settings, onSelect, onError }) {
    this.gallery = find("gallery", HTMLElement);
    this.credit = find("credit", HTMLElement);
    this.said = find("gallery-said", HTMLElement);
    this.drop = find("drop", HTMLElement);
    this.api = api;
    this.images = images;
    this.onSelect = onSelect;
    this.onError = onError;
    this.panel = new AvatarPanel(api, {
      settings,
      onError,
      onKept: (upload, avatar) => this.#replace(upload, asPortrait(avatar)),
      onChanged: ({ id }, settings) => {
        const changed = this.#portraits.find((portrait) => portrait.id === id);
        if (changed) changed.settings = settings;
      },
      onDeleted: (portrait) => this.#remove(portrait),
    });
    this.#fileInput.type = "file";
    this.#fileInput.accept = "image/*";
    this.#fileInput.id = "portrait-file";
    this.#fileInput.className = "visually-hidden";
    this.#fileInput.addEventListener("change", () => {
      this.#add(this.#fileInput.files?.[0]);
      this.#fileInput.value = "";
    });
    this.#listenForDrops();
  }

  /**
   * Asks the server for its portraits and avatars, and selects the first. Uploads, which it lists
   * to nobody, stay; so does what is selected, since it may be shown.
   *
   * @param {string} [goneId] of one that is no longer there
   */
  async load(goneId = "") {
    /** @type {Portrait[]} */
    const listed = [];
    try {
      listed.push(...(await this.api.portraits()));
      listed.push(...(await this.api.avatars()).map(asPortrait));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.onError(error);
      if (!listed.length) return;
    }
    const own = this.#portraits.filter(({ id, upload }) => upload || id === this.#selectedId);
    const taken = [goneId, ...listed.map(({ id }) => id)];
    this.#portraits = [...listed, ...own.filter(({ id }) => !taken.includes(id))];
    this.#draw();
    const stillThere = this.#portraits.some(({ id }) => id === this.#selectedId);
    if (!stillThere && this.#portraits.length) this.#select(this.#portraits[0].id, false);
  }

  /**
   * Sends an upload again that the server has forgotten.
   *
   * @param {string} id
   * @returns {Promise<Portrait | null>} as it is there now; null: it is no upload
   * @throws {CallError} it was refused, or the server is away
   */
  async sendAgain(id) {
    const portrait = this.#portraits.find((candidate) => candidate.id === id);
    if (!portrait?.upload) return null;
    const { file, consent } = portrait.upload;
    Object.assign(portrait, await this.api.upload(file, consent));
    if (this.#selectedId === id) this.#selectedId = portrait.id;
    this.#draw();
    return portrait;
  }

  /**
   * Selects the one that is shown, whatever was wished.
   *
   * @param {string} id
   */
  goBackTo(id) {
    this.#select(id, false);
  }

  /**
   * @param {string} id
   * @param {boolean} byUser
   */
  #select(id, byUser) {
    const portrait = this.#portraits.find((candidate) => candidate.id === id);
    if (!portrait) return;
    this.#selectedId = id;
    this.credit.textContent = portrait.credit;
    const radio = this.#radio(id);
    if (radio) radio.checked = true;
    this.panel.show(portrait);
    const image_url = new URL(portrait.image_url, this.api.base).href;
    this.onSelect({ ...portrait, image_url }, byUser);
  }

  /**
   * @param {string} id
   * @returns {HTMLInputElement | null}
   */
  #radio(id) {
    return this.gallery.querySelector(`input[value="${CSS.escape(id)}"]`);
  }

  /** @param {File | undefined} file the newest of those that are chosen meanwhile comes next */
  async #add(file) {
    if (!file) return;
    this.#next = file;
    if (this.#uploading) return;
    this.#uploading = true;
    this.gallery.setAttribute("aria-busy", "true");
    try {
      while (this.#next) {
        const chosen = this.#next;
        this.#next = null;
        await this.#upload(chosen);
      }
    } finally {
      this.#uploading = false;
      this.gallery.removeAttribute("aria-busy");
    }
  }

  /** @param {File} file sent if its sender agrees */
  async #upload(file) {
    try {
      const consent = await this.api.consentWords();
      if (!(await this.#consent.ask(file, consent))) return;
      this.said.textContent = "Sending the picture…";
      const { id, image_url } = await this.api.upload(file, consent);
      const upload = { file, consent };
      this.#portraits.push({ id, title: file.name, credit: "", image_url, upload });
      this.#draw();
      this.#select(id, true);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.onError(error);
    } finally {
      this.said.textContent = "";
    }
  }

  /**
   * @param {Portrait} old
   * @param {Portrait} portrait shown instead, if the old one is still selected
   */
  #replace(old, portrait) {
    const others = this.#portraits.filter(({ id }) => id !== old.id && id !== portrait.id);
    this.#portraits = [...others, portrait];
    this.#draw();
    if (this.#selectedId === old.id) this.#select(portrait.id, true);
  }

  /** @param {Portrait} portrait */
  #remove(portrait) {
    this.#portraits = this.#portraits.filter(({ id }) => id !== portrait.id);
    this.#draw();
    if (this.#selectedId !== portrait.id) return;
    this.#select(this.#portraits[0].id, true);
    this.#radio(this.#portraits[0].id)?.focus();
  }

  #draw() {
    const focused = document.activeElement;
    const hadFocus = this.gallery.contains(focused);
    const tiles = this.#portraits.map((portrait) => this.#tile(portrait));
    this.gallery.replaceChildren(...tiles, this.#addTile());
    if (!hadFocus || !(focused instanceof HTMLInputElement)) return;
    (focused === this.#fileInput ? focused : this.#radio(focused.value))?.focus();
  }

  /** @param {Portrait} portrait */
  #tile({ id, title, image_url }) {
    const tile = document.createElement("label");
    tile.className = "tile";
    tile.title = title;
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "portrait";
    radio.value = id;
    radio.className = "visually-hidden";
    radio.checked = id === this.#selectedId;
    radio.addEventListener("change", () => this.#select(id, true));
    const image = document.createElement("img");
    this.#fill(image, new URL(image_url, this.api.base).href);
    image.alt = title;
    tile.append(radio, image);
    return tile;
  }

  /**
   * @param {HTMLImageElement} image
   * @param {string} url
   */
  async #fill(image, url) {
    try {
      image.src = await this.images.source(url);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.onError(error);
    }
  }

  #addTile() {
    const tile = document.createElement("label");
    tile.className = "tile add";
    tile.title = "Add a portrait: choose, drop or paste a picture";
    tile.innerHTML =
      '<svg aria-hidden="true"><use href="#icon-plus"/></svg><span>Add yours</span>';
    tile.prepend(this.#fileInput);
    return tile;
  }

  #listenForDrops() {
    // dragenter and dragleave come for every element on the way; only the balance tells.
    let depth = 0;
    /** @param {DragEvent} event */
    const hasFile = (event) => event.dataTransfer?.types.includes("Files") ?? false;
    /** @param {number} next */
    const setDepth = (next) => {
      depth = Math.max(0, next);
      this.drop.classList.toggle("over", depth > 0);
    };
    window.addEventListener("dragenter", (event) => hasFile(event) && setDepth(depth + 1));
    window.addEventListener("dragleave", (event) => hasFile(event) && setDepth(depth - 1));
    window.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
    window.addEventListener("drop", (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setDepth(0);
      this.#add(event.dataTransfer?.files[0]);
    });
    window.addEventListener("paste", (event) => {
      const { files: pasted = [], types = [] } = event.clipboardData ?? {};
      // Office programs add a picture of the text that was copied. The name of a file that was
      // copied is text, too, but not of a kind that is laid out.
      const isText = types.includes("text/plain") && types.includes("text/html");
      if (isText || takesText(event.target)) return;
      const files = [...pasted];
      this.#add(files.find((file) => file.type.startsWith("image/")));
    });
  }
}

/**
 * @param {import("./gallery_api.js").Avatar} avatar
 * @returns {Portrait}
 */
function asPortrait({ name, still_url, settings }) {
  return { id: name, title: name, credit: name, image_url: still_url, settings };
}
