/** What is behind the person: nothing, a colour, a picture, or the portrait's own background. */

/**
 * Whole pictures this small, from far to near, and how often each is drawn over the one before:
 * what is behind the person is guessed from around. The first leaves no hole.
 */
const BLURS = [
  { size_px: 1, covers: 32 },
  { size_px: 2, covers: 4 },
  { size_px: 4, covers: 4 },
  { size_px: 8, covers: 3 },
  { size_px: 16, covers: 2 },
];
/** Of the picture's size: the person may have moved since the still. */
const MARGIN = 0.03;

/**
 * @param {import("./overlay_options.js").Background} background
 * @param {HTMLElement} page
 */
export function paintPage(background, page) {
  if (background.kind === "color") page.style.background = background.color;
  if (background.kind === "picture") {
    page.style.background = `center / cover no-repeat url(${JSON.stringify(background.url)})`;
  }
}

/**
 * Draws a still, blurred and without its person, onto `backdrop`.
 *
 * @param {HTMLCanvasElement} backdrop
 * @param {ImageBitmap} still
 * @param {CanvasImageSource} person as the overlay shows it now, in the still's frame
 */
export function paintBlurred(backdrop, still, person) {
  const bare = new OffscreenCanvas(still.width, still.height);
  const context = bare.getContext("2d");
  const result = backdrop.getContext("2d");
  if (!context || !result) throw new Error("this browser draws on no canvas");
  context.drawImage(still, 0, 0);
  context.globalCompositeOperation = "destination-out";
  for (const across of [-MARGIN, 0, MARGIN]) {
    for (const down of [-MARGIN, 0, MARGIN]) {
      const place = [across * still.width, down * still.height];
      context.drawImage(person, place[0], place[1], still.width, still.height);
    }
  }
  backdrop.width = backdrop.height = still.width;
  result.imageSmoothingQuality = "high";
  for (const { size_px, covers } of BLURS) {
    const small = shrunk(bare, size_px);
    for (let times = 0; times < covers; times += 1) {
      result.drawImage(small, 0, 0, backdrop.width, backdrop.height);
    }
  }
  backdrop.hidden = false;
}

/**
 * By halves: a browser that shrinks at once looks at few of the pixels.
 *
 * @param {OffscreenCanvas} picture
 * @param {number} size_px
 * @returns {OffscreenCanvas}
 */
function shrunk(picture, size_px) {
  let from = picture;
  while (from.width > size_px) {
    const next_px = Math.max(size_px, Math.ceil(from.width / 2));
    const to = new OffscreenCanvas(next_px, next_px);
    to.getContext("2d")?.drawImage(from, 0, 0, next_px, next_px);
    from = to;
  }
  return from;
}
