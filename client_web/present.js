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

class Presenter {
  #base = document.baseURI;
  /** @type {{ id: string, title: string } | null} */
  #avatar = null;
  #sending = false;

  #text = find("text", HTMLTextAreaElement);
  #say = find("say", HTMLButtonElement);
  #pause = find("pause", HTMLButtonElement);
  #stop = find("stop", HTMLButtonElement);
  #sound = find("sound", HTMLButtonElement);

  #notice = new Notice(document, this.#say);
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
    onState: (state, reason) => this.#onWatching(state, reason),
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
      // This page sets none: an avatar that is kept here begins with these.
      settings: () => ({ expression: "neutral", expression_strength: 0.5, head_speed: 0.5 }),
      onSelect: (portrait) => this.#onAvatar(portrait),
      onError: (error) => this.#tell(error),
    },
  );

  async run() {
    find("script", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sayText();
    });
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
    if (!text || this.#sending) return;
    this.#sending = true;
    this.#show();
    await this.#ask(async (avatar) => {
      await this.#speech.wake(avatar);
      if (this.#avatar?.id !== avatar) return;
      this.#viewer.watch(avatar);
      const late = new Promise((resolve) => setTimeout(resolve, WATCH_TIMEOUT_MS));
      await Promise.race([this.#viewer.settled(), late]);
      if (this.#avatar?.id !== avatar) return;
      await this.#speech.say(avatar, text);
      // Not what was written meanwhile.
      if (this.#text.value.trim() === text) this.#text.value = "";
    });
    this.#sending = false;
    this.#show();
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

  /** @param {import("./portrait_picker.js").Portrait} portrait */
  async #onAvatar(portrait) {
    this.#avatar = portrait;
    this.#viewer.stop();
    this.#list.clear();
    this.#events.listen(this.#speech.eventsUrl(portrait.id));
    this.#show();
    const still = this.#ask(async () => {
      const source = await this.#images.source(portrait.image_url);
      if (this.#avatar === portrait) await this.#stage.showStill(source, portrait.title);
    });
    const watching = this.#ask(async (avatar) => {
      const live = await this.#speech.isLive(avatar);
      if (live && this.#avatar === portrait) this.#viewer.watch(avatar);
    });
    await Promise.all([still, watching]);
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
   */
  #onWatching(state, reason) {
    document.body.dataset.call = state;
    if (state !== WatchState.LIVE) this.#stage.hideStream();
    if (reason && state === WatchState.IDLE) this.#tell(reason);
    this.#show();
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
    if (this.#avatar) this.#events.listen(this.#speech.eventsUrl(this.#avatar.id));
    await this.#picker.load();
    // The field that had it is hidden.
    if (document.activeElement === document.body) this.#say.focus();
  }

  // What is shown -------------------------------------------------------------------------------

  /** @param {CallError} error */
  #tell(error) {
    this.#notice.show(describe(error));
  }

  #show() {
    const { paused, length } = this.#list;
    document.body.dataset.speech = paused ? "paused" : length ? "speaking" : "silent";
    allow(this.#say, Boolean(this.#avatar && !this.#sending && this.#text.value.trim()));
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
    if (this.#sending && this.#viewer.state !== WatchState.LIVE) return "Waking the portrait…";
    if (this.#viewer.interrupted) return INTERRUPTED;
    if (this.#list.paused) return "Paused in mid-sentence.";
    if (this.#list.speaking) return "Speaking.";
    if (this.#list.length) return "About to speak…";
    return this.#text.value.trim() ? "Press Say." : "Write something, and press Say.";
  }
}

await new Presenter().run();
