/** The gallery: choosing one of the server's portraits, or adding one by file, drop or paste. */

import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

/**
 * @typedef {{ id: string, title: string, credit: string, image_url: string }} Portrait
 */

export class PortraitPicker {
  /** @type {Portrait[]} */
  #portraits = [];
  #selectedId = "";
  #uploading = false;
  #fileInput = document.createElement("input");

  /**
   * @param {{ gallery: HTMLElement, credit: HTMLElement, drop: HTMLElement }} elements
   * @param {string | URL} base the page's address, below which `v1/portraits` lives
   * @param {import("./api.js").Api} api
   * @param {import("./portrait_images.js").PortraitImages} images
   * @param {{ onSelect: (portrait: Portrait, byUser: boolean) => void,
   *   onError: (error: CallError) => void }} callbacks
   */
  constructor({ gallery, credit, drop }, base, api, images, { onSelect, onError }) {
    this.gallery = gallery;
    this.credit = credit;
    this.drop = drop;
    this.base = new URL(base);
    this.api = api;
    this.images = images;
    this.onSelect = onSelect;
    this.onError = onError;
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

  /** Asks the server for its portraits and selects the first. */
  async load() {
    try {
      const response = await this.api.fetch(new URL("v1/portraits", this.base));
      if (!response.ok) {
        const problem = await readProblem(response);
        throw accessError(problem) ?? new CallError("portraits-unavailable", problem.detail);
      }
      this.#portraits = await response.json();
    } catch (error) {
      this.onError(
        error instanceof CallError ? error : new CallError("portraits-unavailable", String(error)),
      );
      return;
    }
    this.#draw();
    const stillThere = this.#portraits.some(({ id }) => id === this.#selectedId);
    if (!stillThere && this.#portraits.length) this.#select(this.#portraits[0].id, false);
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
    const radio = this.gallery.querySelector(`input[value="${CSS.escape(id)}"]`);
    if (radio instanceof HTMLInputElement) radio.checked = true;
    this.onSelect({ ...portrait, image_url: new URL(portrait.image_url, this.base).href }, byUser);
  }

  /** @param {File | undefined} file */
  async #add(file) {
    if (!file || this.#uploading) return;
    this.#uploading = true;
    this.gallery.setAttribute("aria-busy", "true");
    try {
      const response = await this.api.fetch(new URL("v1/portraits", this.base), {
        method: "POST",
        headers: { "Content-Type": file.type || "application/octet-stream" },
        body: file,
      });
      if (!response.ok) {
        const problem = await readProblem(response);
        throw accessError(problem) ?? new CallError("portrait-refused", problem.detail);
      }
      const { id, image_url } = await response.json();
      this.#portraits.push({ id, title: file.name, credit: "", image_url });
      this.#draw();
      this.#select(id, true);
    } catch (error) {
      const away = () => new CallError("server-away", String(error));
      this.onError(error instanceof CallError ? error : away());
    } finally {
      this.#uploading = false;
      this.gallery.removeAttribute("aria-busy");
    }
  }

  #draw() {
    const tiles = this.#portraits.map((portrait) => this.#tile(portrait));
    this.gallery.replaceChildren(...tiles, this.#addTile());
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
    this.#fill(image, new URL(image_url, this.base).href);
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
      const files = [...(event.clipboardData?.files ?? [])];
      this.#add(files.find((file) => file.type.startsWith("image/")));
    });
  }
}
