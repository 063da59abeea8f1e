/** Whether what is typed or pasted there belongs to a field. */

const TAKES_TEXT = "textarea, select, input:not([type=radio], [type=checkbox], [type=range])";

/**
 * @param {EventTarget | null} target of a keyboard's or clipboard's event
 * @returns {boolean}
 */
export function takesText(target) {
  return target instanceof Element && target.matches(TAKES_TEXT);
}
