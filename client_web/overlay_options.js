/** What the overlay's address asks for; what it cannot mean is told, and left at its default. */

/**
 * @typedef {{ kind: "transparent" } | { kind: "color", color: string } | { kind: "blur" }
 *   | { kind: "picture", url: string }} Background
 * @typedef {object} OverlayOptions
 * @property {string} avatar
 * @property {Background} background
 * @property {number | null} size_px of the picture's side on the page; null: as large as fits
 * @property {boolean} muted
 * @property {boolean} debug the page says why it is empty
 */

const CHROMA_GREEN = "#00ff00";
const HEX_COLOR = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i;

/**
 * @param {string} address of the page, `.../overlay/NAME?...`
 * @param {(complaint: string) => void} complain
 * @returns {OverlayOptions}
 */
export function readOptions(address, complain) {
  const url = new URL(address);
  const asked = url.searchParams;
  return {
    avatar: decodeURIComponent(url.pathname.split("/").at(-1) ?? ""),
    background: readBackground(asked.get("background") ?? "transparent", url, complain),
    size_px: readSize(asked.get("size"), complain),
    muted: isOn(asked, "muted"),
    debug: isOn(asked, "debug"),
  };
}

/**
 * @param {URLSearchParams} asked
 * @param {string} name
 */
function isOn(asked, name) {
  return asked.has(name) && !["0", "false"].includes(asked.get(name) ?? "");
}

/**
 * @param {string} text
 * @param {URL} page
 * @param {(complaint: string) => void} complain
 * @returns {Background}
 */
function readBackground(text, page, complain) {
  if (text === "transparent" || text === "blur") return { kind: text };
  if (text === "chroma") return { kind: "color", color: CHROMA_GREEN };
  const hex = text.match(HEX_COLOR);
  if (hex) return { kind: "color", color: `#${hex[1]}` };
  const url = /[/.]/.test(text) ? parse(text, page) : null;
  if (url && url.origin === page.origin) return { kind: "picture", url: url.href };
  complain(
    `found background=${text}, expected transparent, chroma, blur, rrggbb or a picture's address` +
      " on this server",
  );
  return { kind: "transparent" };
}

/**
 * URL.parse and URL.canParse are younger than the Chromium of OBS 30.
 *
 * @param {string} text
 * @param {URL} page
 * @returns {URL | null}
 */
function parse(text, page) {
  try {
    return new URL(text, page);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

/**
 * @param {string | null} text
 * @param {(complaint: string) => void} complain
 * @returns {number | null}
 */
function readSize(text, complain) {
  if (text === null) return null;
  const size_px = Number(text);
  if (Number.isFinite(size_px) && size_px >= 16 && size_px <= 4096) return size_px;
  complain(`found size=${text}, expected 16 to 4096 pixels`);
  return null;
}
