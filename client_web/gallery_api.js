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
    return this.#askJson("v1/portraits", {}, "portraits-unavailable");
  }

  /** @returns {Promise<Avatar[]>} those that are kept */
  async avatars() {
    /** @type {Avatar[]} */
    const avatars = await this.#askJson("v1/avatars", {}, "portraits-unavailable");
    return avatars.filter((avatar) => !avatar.built_in);
  }

  /** @returns {Promise<string>} what whoever uploads a picture declares */
  async consentWords() {
    return (await this.#askJson("v1/consent", {}, "portraits-unavailable")).words;
  }

  /**
   * @param {File} file
   * @param {string} consent the words, agreed to
   * @returns {Promise<{ id: string, image_url: string }>}
   */
  async upload(file, consent) {
    const body = form(file, { consent });
    return this.#askJson("v1/portraits", { method: "POST", body }, "portrait-refused");
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
    return this.#askJson(avatarPath(name), options, "avatar-refused");
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
      throw away(error, options, kind);
    }
    if (response.ok) return response;
    const problem = await readProblem(response);
    // Nobody has looked at the picture.
    const failed = kind === "portrait-refused" && response.status >= 500;
    const other = failed ? meaningOfStatus(response.status).kind : kind;
    const known = Object.hasOwn(MEANINGS, problem.code) ? MEANINGS[problem.code] : other;
    const { detail, retryAfter_s } = problem;
    const retry = response.status >= 500;
    throw accessError(problem) ?? new CallError(known, detail, { retry, retryAfter_s });
  }

  /**
   * @param {string} path
   * @param {RequestInit} options
   * @param {import("./call_error.js").ErrorKind} kind see #ask
   * @returns {Promise<any>}
   * @throws {CallError} see #ask
   */
  async #askJson(path, options, kind) {
    const response = await this.#ask(path, options, kind);
    try {
      return await response.json();
    } catch (error) {
      throw away(error, options, kind);
    }
  }
}

/**
 * @param {unknown} error why there is no answer, or no whole one
 * @param {RequestInit} options
 * @param {import("./call_error.js").ErrorKind} kind of what was only asked for
 */
function away(error, options, kind) {
  const told = options.method ? "server-away" : kind;
  return new CallError(told, String(error), { retry: true });
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
