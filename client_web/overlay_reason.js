/**
 * Why the overlay is empty: in the console, and on the page where its address asks for that. OBS
 * logs errors, and nothing less.
 */

import { CallError } from "./call_error.js";

export class Reason {
  #said = "";
  /** @type {string[]} that stay, whatever passes */
  #complaints = [];

  /** @param {HTMLElement} element where it is shown */
  constructor(element) {
    this.element = element;
    this.shown = false;
  }

  /** Shows it on the page from now on. */
  show() {
    this.shown = true;
    this.#draw();
  }

  /** @param {string} complaint about what stays as it is until the page is loaded again */
  complain(complaint) {
    console.error(complaint);
    this.#complaints.push(complaint);
    this.#draw();
  }

  /** @param {Error} error why it waits; told once, however long it lasts */
  wait(error) {
    const text = `the overlay waits: ${error.message}`;
    if (text === this.#said) return;
    // What is at rest is as it should be.
    const isAtRest = error instanceof CallError && error.kind === "not-live";
    (isAtRest ? console.warn : console.error)(text);
    this.#said = text;
    this.#draw();
  }

  /** It waits no longer. */
  pass() {
    this.#said = "";
    this.#draw();
  }

  #draw() {
    this.element.textContent = [...this.#complaints, this.#said].filter(Boolean).join("\n");
    this.element.hidden = !this.shown || !this.element.textContent;
  }
}
