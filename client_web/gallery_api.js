/** What the gallery asks of the server: portraits, uploads, and the avatars that are kept. */

import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";
import { meaningOfStatus } from "./signalling.js";

/**
 * @typedef {{ expression: string, expression_strength: number, head_speed: number }} Settings
 *   strength and speed 0..1
 * @typedef {{ name: string, built_in: boolean, still_url: string, settings: Settings }} Avatar
 */

/** @type {Record<string, import("./call_error.js").ErrorKind>} by the server's problem codes */
const MEANINGS = {
  "avatar-exists": "avatar-exists",
  "built-in-avatar": "avatar-exists",
  "unusable-portrait": "portrait-refused",
  "portraits-busy": "portraits-busy",
};

export class GalleryApi {
  /**
   * @param {string | URL} base the page's address, below which `v1/` lives
   * @param {import("./api.js").Api} api
   */
  constructor(base, api) {
    this.base = new URL(base);
    this.api = api;
  }

  /** @returns {Promise<{ id: string, title: string, credit: string, image_url: string }[]>} */
  async portraits() {
    return (await this.#ask("v1/portraits", {}, "portraits-unavailable")).json();
  }

  /** @returns {Promise<Avatar[]>} those that are kept */
  async avatars() {
    /** @type {Avatar[]} */
    const avatars = await (await this.#ask("v1/avatars", {}, "portraits-unavailable")).json();
    return avatars.filter((avatar) => !avatar.built_in);
  }

  /** @returns {Promise<string>} what whoever uploads a picture declares */
  async consentWords() {
    const response = await this.#ask("v1/consent", {}, "portraits-unavailable");
    return (await response.json()).words;
  }

  /**
   * @param {File} file
   * @param {string} consent the words, agreed to
   * @returns {Promise<{ id: string, image_url: string }>}
   */
  async upload(file, consent) {
    const body = form(file, { consent });
    return (await this.#ask("v1/portraits", { method: "POST", body }, "portrait-refused")).json();
  }

  /**
   * Keeps a new avatar; one that is there already is left alone.
   *
   * @param {string} name
   * @param {File} file
   * @param {string} consent the words, agreed to
   * @param {Settings} [settings] else the server's own
   * @returns {Promise<Avatar>}
   */
  async keep(name, file, consent, settings) {
    const body = form(file, { consent, ...settings });
    const headers = { "If-None-Match": "*" };
    const options = { method: "PUT", headers, body };
    return (await this.#ask(avatarPath(name), options, "avatar-refused")).json();
  }

  /**
   * @param {string} name
   * @param {Settings} settings
   */
  async change(name, settings) {
    const headers = { "Content-Type": "application/json" };
    const options = { method: "PATCH", headers, body: JSON.stringify(settings) };
    await this.#ask(avatarPath(name), options, "avatar-refused");
  }

  /** @param {string} name */
  async remove(name) {
    await this.#ask(avatarPath(name), { method: "DELETE" }, "avatar-refused");
  }

  /**
   * @param {string} path
   * @param {RequestInit} options
   * @param {import("./call_error.js").ErrorKind} kind of a refusal that says nothing clearer
   * @returns {Promise<Response>}
   * @throws {CallError} refused, or the server is away
   */
  async #ask(path, options, kind) {
    let response;
    try {
      response = await this.api.fetch(new URL(path, this.base), options);
    } catch (error) {
      const away = options.method ? "server-away" : kind;
      throw new CallError(away, String(error));
    }
    if (response.ok) return response;
    const problem = await readProblem(response);
    // Nobody has looked at the picture.
    const failed = kind === "portrait-refused" && response.status >= 500;
    const other = failed ? meaningOfStatus(response.status).kind : kind;
    const known = Object.hasOwn(MEANINGS, problem.code) ? MEANINGS[problem.code] : other;
    throw accessError(problem) ?? new CallError(known, problem.detail);
  }
}

/** @param {string} name */
function avatarPath(name) {
  return `v1/avatars/${encodeURIComponent(name)}`;
}

/**
 * @param {File} file
 * @param {Record<string, string | number>} fields
 */
function form(file, fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, String(value));
  data.append("image", file);
  return data;
}
