/** The overlay: only the person, over whatever is behind the page. See README.md, "In OBS". */

import { AccessKey } from "./access_key.js";
import { Api } from "./api.js";
import { paintBlurred, paintPage } from "./overlay_background.js";
import { unpackOnto } from "./overlay_canvas.js";
import { readOptions } from "./overlay_options.js";
import { watchPictures } from "./overlay_pictures.js";
import { Reason } from "./overlay_reason.js";
import { OverlayWatch } from "./overlay_watch.js";

/** A picture stays when the next is late; a face that is frozen for longer is worse than none. */
const HOLD_MS = 3_000;

/** A key is in the address for good: a server that refuses it may know it again later. */
class LastingKey extends AccessKey {
  forget() {}
}

const reason = new Reason(/** @type {HTMLElement} */ (document.getElementById("reason")));
const options = readOptions(location.href, (complaint) => reason.complain(complaint));
if (options.debug) reason.show();
const root = new URL("..", location.href);
const key = new LastingKey();
key.takeFromAddress();
const api = new Api(key, () => undefined);
const person = /** @type {HTMLCanvasElement} */ (document.getElementById("person"));
const backdrop = /** @type {HTMLCanvasElement} */ (document.getElementById("backdrop"));
const unpacker = unpackOnto(person);
/** @type {ImageBitmap | null} until it is drawn */
let still = null;
/** @type {ReturnType<typeof setTimeout> | undefined} begins anew with every picture */
let hiding;

if (options.size_px) person.style.setProperty("--size", `${options.size_px}px`);
paintPage(options.background, document.body);

const video = document.createElement("video");
video.playsInline = true;
video.muted = options.muted;
watchPictures(video, onPicture);

const endpoint = new URL(`whep/${encodeURIComponent(options.avatar)}?alpha=packed`, root);
new OverlayWatch(endpoint, api, {
  onStream: play,
  onConnected: () => {
    document.body.dataset.state = "live";
    reason.pass();
  },
  onLost: (error) => {
    document.body.dataset.state = "waiting";
    reason.wait(error);
  },
  onExhausted: () => {
    if (key.survivesReload) location.reload();
  },
}).start();

/** @param {MediaStream} stream */
async function play(stream) {
  video.srcObject = stream;
  if (options.background.kind === "blur") fetchStill();
  try {
    await video.play();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    // Another stream came meanwhile.
    if (error.name !== "NotAllowedError") return;
    // Not in OBS; a browser wants a click before a page may be heard.
    video.muted = true;
    await video.play();
    window.addEventListener("pointerdown", () => {
      video.muted = options.muted;
    });
  }
}

function onPicture() {
  // Chromium may announce the first picture before it can be drawn: that draws nothing.
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
  unpacker.draw(video);
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    document.body.dataset.shown = "false";
  }, HOLD_MS);
  document.body.dataset.shown = "true";
  if (still) paintBlurred(backdrop, still, person);
  still = null;
}

/** A background that cannot be had now comes with the next connection. */
async function fetchStill() {
  const url = new URL(`v1/avatars/${encodeURIComponent(options.avatar)}/still.jpg`, root);
  try {
    const response = await api.fetch(url);
    if (response.ok) still = await createImageBitmap(await response.blob());
    else console.error(`no background to blur: HTTP ${response.status}`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`no background to blur: ${error.message}`);
  }
}
