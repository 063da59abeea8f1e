/** The presenter's page: a text is said by an avatar, which is watched meanwhile. */

import { allow, isAllowed } from "./allow.js";
import { CallError } from "./call_error.js";
import { Entrance } from "./entrance.js";
import { EventStream } from "./event_stream.js";
import { find } from "./find.js";
import { GalleryApi } from "./gallery_api.js";
import { Notice } from "./notice.js";
import { PortraitImages } from "./portrait_images.js";
import { PortraitPicker } from "./portrait_picker.js";
import { SpeechApi } from "./speech_api.js";
import { SpeechList } from "./speech_list.js";
import { Stage } from "./stage.js";
import { Viewer, WatchState } from "./whep.js";
import { describe, INTERRUPTED } from "./words.js";

/** A text is said without being watched when no way to watch is found in this time. */
const WATCH_TIMEOUT_MS = 5_000;

/** @typedef {import("./portrait_picker.js").Portrait} Portrait */

class Presenter {
  #base = document.baseURI;
  /** @type {Portrait | null} */
  #avatar = null;
  #sending = false;
  /** What is noticed is why nothing is watched. */
  #tellsOfWatching = false;

  #text = find("text", HTMLTextAreaElement);
  #say = find("say", HTMLButtonElement);
  #pause = find("pause", HTMLButtonElement);
  #stop = find("stop", HTMLButtonElement);
  #sound = find("sound", HTMLButtonElement);

  #notice = new Notice(document, this.#say, () => this.#entrance.ask());
  #entrance = new Entrance(
    { form: find("key-form", HTMLFormElement), input: find("key", HTMLInputElement) },
    { onAsk: () => this.#show(), onKey: () => this.#onKey() },
  );
  #api = this.#entrance.api;
  #speech = new SpeechApi(this.#base, this.#api);
  #list = new SpeechList(
    { list: find("queue", HTMLOListElement), empty: find("queue-empty", HTMLElement) },
    () => this.#show(),
  );
  #events = new EventStream(this.#api, {
    onEvent: (event) => this.#onEvent(event),
    onError: (error) => this.#tell(error),
  });
  #viewer = new Viewer(this.#base, this.#api, {
    onStream: (stream) => this.#stage.showStream(stream),
    onInterrupted: () => this.#show(),
    onState: (state, reason, retryIn_ms) => this.#onWatching(state, reason, retryIn_ms),
  });
  #stage = new Stage(
    {
      stage: find("stage", HTMLElement),
      frame: find("frame", HTMLElement),
      still: find("still", HTMLImageElement),
      video: find("live", HTMLVideoElement),
      expand: find("expand", HTMLButtonElement),
    },
    () => this.#onPlaybackBlocked(),
  );
  #images = new PortraitImages(this.#api);
  #picker = new PortraitPicker(
    new GalleryApi(this.#base, this.#api),
    this.#images,
    {
      settings: null,
      onSelect: (portrait) => this.#onAvatar(portrait),
      onError: (error) => this.#tell(error),
    },
  );

  async run() {
    find("script", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    this.#say.addEventListener("click", () => this.#sayText());
    this.#text.addEventListener("input", () => this.#show());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#sayText();
    });
    this.#pause.addEventListener("click", () => {
      if (!isAllowed(this.#pause)) return;
      const paused = !this.#list.paused;
      this.#ask((avatar) => this.#speech.pause(avatar, paused));
    });
    this.#stop.addEventListener("click", () => {
      if (isAllowed(this.#stop)) this.#ask((avatar) => this.#speech.stop(avatar));
    });
    this.#sound.addEventListener("click", () => {
      const audible = this.#sound.getAttribute("aria-pressed") !== "true";
      this.#sound.setAttribute("aria-pressed", String(audible));
      this.#stage.setAudible(audible);
    });
    window.addEventListener("online", () => this.#viewer.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#viewer.retryNow();
    });
    window.addEventListener("pagehide", () => this.#viewer.stop());

    this.#entrance.start();
    this.#show();
    await this.#picker.load();
  }

  // What is asked for ---------------------------------------------------------------------------

  async #sayText() {
    const text = this.#text.value.trim();
    if (!this.#canSay) return;
    this.#sending = true;
    this.#show();
    try {
      await this.#ask((avatar) => this.#sayAs(avatar, text));
    } finally {
      this.#sending = false;
      this.#show();
    }
  }

  /**
   * @param {string} avatar
   * @param {string} text
   */
  async #sayAs(avatar, text) {
    await this.#speech.wake(avatar);
    if (this.#avatar?.id !== avatar) return;
    this.#viewer.watch(avatar);
    const late = new Promise((resolve) => setTimeout(resolve, WATCH_TIMEOUT_MS));
    await Promise.race([this.#viewer.settled(), late]);
    if (this.#avatar?.id !== avatar) return;
    await this.#speech.say(avatar, text);
    // Not what was written meanwhile.
    if (this.#text.value.trim() === text) this.#text.value = "";
  }

  /** @param {(avatar: string) => Promise<void>} work whose refusal is told */
  async #ask(work) {
    if (!this.#avatar) return;
    this.#notice.hide();
    try {
      await work(this.#avatar.id);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#tell(error);
    }
  }

  // What happens --------------------------------------------------------------------------------

  /** @param {Portrait} portrait */
  async #onAvatar(portrait) {
    this.#avatar = portrait;
    this.#viewer.stop();
    this.#list.clear();
    this.#listen(portrait);
    this.#show();
    const still = this.#ask(async () => {
      const source = await this.#images.source(portrait.image_url);
      if (this.#avatar === portrait) await this.#stage.showStill(source, portrait.title);
    });
    const watching = this.#ask(async (avatar) => {
      if (portrait.upload) return;
      const live = await this.#speech.isLive(avatar);
      if (live && this.#avatar === portrait) this.#viewer.watch(avatar);
    });
    await Promise.all([still, watching]);
  }

  /** @param {Portrait} portrait of which, until it is kept, the server tells nothing */
  #listen(portrait) {
    if (portrait.upload) this.#events.close();
    else this.#events.listen(this.#speech.eventsUrl(portrait.id));
  }

  /** @param {import("./event_stream.js").ServerEvent} event */
  #onEvent(event) {
    this.#list.take(event);
    if (event.kind === "failed") {
      this.#tell(new CallError("speech-failed", event.data.detail));
    }
    // Another page, or a program, made it speak.
    if (event.kind === "started" && this.#avatar) this.#viewer.watch(this.#avatar.id);
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   * @param {number} retryIn_ms
   */
  #onWatching(state, reason, retryIn_ms) {
    // One that drops is made again at once, or the avatar is no longer live.
    const dropped = document.body.dataset.call === WatchState.LIVE;
    document.body.dataset.call = state;
    if (state !== WatchState.LIVE) this.#stage.hideStream();
    if (reason && state === WatchState.IDLE) this.#tell(reason);
    else if (reason && !dropped) this.#tellWaiting(reason, retryIn_ms);
    else if (this.#tellsOfWatching && state !== WatchState.CONNECTING) {
      this.#tellsOfWatching = false;
      this.#notice.hide();
    }
    this.#show();
  }

  /**
   * @param {CallError} reason
   * @param {number} retryIn_ms
   */
  #tellWaiting(reason, retryIn_ms) {
    // What was refused is more than what is not seen.
    if (this.#notice.isOpen && !this.#tellsOfWatching) return;
    const action = { label: "Try now", run: () => this.#viewer.retryNow() };
    this.#notice.show(describe(reason), action, retryIn_ms);
    this.#tellsOfWatching = true;
  }

  #onPlaybackBlocked() {
    const run = () => {
      this.#notice.hide();
      this.#stage.play();
    };
    this.#notice.show(describe(new CallError("sound-held")), { label: "Play", run });
  }

  async #onKey() {
    this.#notice.hide();
    this.#show();
    if (this.#avatar) this.#listen(this.#avatar);
    await this.#picker.load();
    // The field that had it is hidden.
    if (document.activeElement === document.body) this.#say.focus();
  }

  // What is shown -------------------------------------------------------------------------------

  /** @param {CallError} error */
  #tell(error) {
    this.#notice.tell(error);
    this.#tellsOfWatching = false;
  }

  /** @returns {boolean} only an avatar speaks here: an upload is one once it is kept */
  get #canSay() {
    const ready = this.#avatar && !this.#avatar.upload && !this.#sending;
    return Boolean(ready && this.#text.value.trim());
  }

  #show() {
    const { paused, length } = this.#list;
    document.body.dataset.speech = paused ? "paused" : length ? "speaking" : "silent";
    allow(this.#say, this.#canSay);
    for (const button of [this.#pause, this.#stop]) allow(button, length > 0);
    this.#pause.setAttribute("aria-pressed", String(paused));
    const status = find("status", HTMLElement);
    const text = this.#statusText();
    // The same words again would be read aloud again.
    if (status.textContent !== text) status.textContent = text;
    const live = this.#viewer.interrupted ? "Interrupted" : "Live";
    find("badge", HTMLElement).textContent = paused ? "Paused" : live;
  }

  /** @returns {string} */
  #statusText() {
    if (this.#entrance.asks) return "Enter your key.";
    if (!this.#avatar) return "Choose a portrait.";
    if (this.#avatar.upload) return "Give the portrait a name, and press Keep: then it can speak.";
    if (this.#sending && this.#viewer.state !== WatchState.LIVE) return "Waking the portrait…";
    if (this.#viewer.interrupted) return INTERRUPTED;
    if (this.#list.paused) return "Paused in mid-sentence.";
    if (this.#list.speaking) return "Speaking.";
    if (this.#list.length) return "About to speak…";
    return this.#text.value.trim() ? "Press Say." : "Write something, and press Say.";
  }
}

await new Presenter().run();
