/**
 * Whether a button can be pressed, told to people and screen readers. Unlike a `disabled` one it
 * keeps the focus meanwhile, and its listener asks for itself.
 */

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} allowed
 */
export function allow(button, allowed) {
  button.setAttribute("aria-disabled", String(!allowed));
}

/** @param {HTMLButtonElement} button */
export function isAllowed(button) {
  return button.getAttribute("aria-disabled") !== "true";
}
