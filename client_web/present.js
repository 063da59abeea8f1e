/** The presenter's page: an avatar says a text, or what its user says; it is watched meanwhile. */

import { isAllowed } from "./allow.js";
import { CallError } from "./call_error.js";
import { Entrance } from "./entrance.js";
import { EventStream } from "./event_stream.js";
import { find } from "./find.js";
import { GalleryApi } from "./gallery_api.js";
import { OwnVoice } from "./own_voice.js";
import { PortraitImages } from "./portrait_images.js";
import { PortraitPicker } from "./portrait_picker.js";
import { PresentNotice } from "./present_notice.js";
import { PresentView } from "./present_view.js";
import { SpeechApi } from "./speech_api.js";
import { SpeechList } from "./speech_list.js";
import { Stage } from "./stage.js";
import { Viewer, WatchState } from "./whep.js";
import { PublishState } from "./whip.js";
import { describe } from "./words.js";

/** A text is said without being watched when no way to watch is found in this time. */
const WATCH_TIMEOUT_MS = 5_000;

/** @typedef {import("./portrait_picker.js").Portrait} Portrait */

class Presenter {
  #base = document.baseURI;
  /** @type {Portrait | null} */
  #avatar = null;
  #sending = false;
  /** One's own voice has ended by the choice of another portrait; nothing was wished since. */
  #wasLeft = false;

  #text = find("text", HTMLTextAreaElement);
  #say = find("say", HTMLButtonElement);
  #pause = find("pause", HTMLButtonElement);
  #stop = find("stop", HTMLButtonElement);

  #notice = new PresentNotice(document, this.#say, () => this.#entrance.ask());
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
    onError: (error) => this.#notice.tell(error),
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
  #view = new PresentView(this.#stage);
  #voice = new OwnVoice(this.#base, this.#api, {
    onWish: () => this.#speakMyself(),
    onChange: () => this.#show(),
    onState: (state, reason, retryIn_ms) => this.#onOwnVoice(state, reason, retryIn_ms),
    onError: (error) => this.#notice.tell(error),
    onKept: (words) => this.#notice.show(words),
    onLevel: (level) => this.#stage.setVoiceLevel(level),
  });
  #images = new PortraitImages(this.#api);
  #picker = new PortraitPicker(
    new GalleryApi(this.#base, this.#api),
    this.#images,
    {
      settings: null,
      onSelect: (portrait) => this.#onAvatar(portrait),
      onError: (error) => this.#notice.tell(error),
    },
  );

  async run() {
    find("script", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    this.#say.addEventListener("click", () => this.#sayText());
    this.#text.addEventListener("input", () => {
      this.#wasLeft = false;
      this.#show();
    });
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
    window.addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#retryNow();
    });
    window.addEventListener("pagehide", () => {
      this.#voice.stop();
      this.#viewer.stop();
    });

    this.#entrance.start();
    this.#show();
    await this.#picker.load();
  }

  // What is asked for ---------------------------------------------------------------------------

  async #speakMyself() {
    this.#wasLeft = false;
    await this.#ask((avatar) => this.#voice.start(avatar));
  }

  async #sayText() {
    const text = this.#text.value.trim();
    if (!this.#canSay) return;
    this.#sending = true;
    this.#wasLeft = false;
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
      this.#notice.tell(error);
    }
  }

  // What happens --------------------------------------------------------------------------------

  /** @param {Portrait} portrait */
  async #onAvatar(portrait) {
    // An audience that hears the next one all at once would be as surprised as who speaks.
    if (this.#voice.active && portrait.id !== this.#avatar?.id) {
      this.#wasLeft = true;
      this.#voice.stop();
    }
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
      this.#notice.tell(new CallError("speech-failed", event.data.detail));
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
    if (reason && state === WatchState.IDLE) this.#notice.tell(reason);
    else if (reason && !dropped) this.#notice.tellWaiting(this.#viewer, reason, retryIn_ms);
    else if (state !== WatchState.CONNECTING) this.#notice.settle(this.#viewer);
    this.#show();
  }

  #retryNow() {
    this.#voice.retryNow();
    this.#viewer.retryNow();
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   * @param {number} retryIn_ms
   */
  #onOwnVoice(state, reason, retryIn_ms) {
    if (reason && state === PublishState.IDLE) this.#notice.tell(reason);
    else if (reason) this.#notice.tellWaiting(this.#voice, reason, retryIn_ms, true);
    else if (state !== PublishState.CONNECTING) this.#notice.settle(this.#voice);
    // By it, the avatar is live.
    if (state === PublishState.LIVE && this.#avatar) this.#viewer.watch(this.#avatar.id);
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

  /** @returns {boolean} an avatar is chosen, and free; an upload is one once it is kept */
  get #isFree() {
    const { active } = this.#voice;
    return this.#avatar !== null && !this.#avatar.upload && !this.#sending && !active;
  }

  get #canSay() {
    return this.#isFree && this.#text.value.trim() !== "";
  }

  #show() {
    this.#view.show({
      asksForKey: this.#entrance.asks,
      avatar: this.#avatar,
      sending: this.#sending,
      canSay: this.#canSay,
      canSpeak: this.#isFree && this.#list.length === 0,
      wasLeft: this.#wasLeft,
      list: this.#list,
      viewer: this.#viewer,
      voice: this.#voice,
    });
  }
}

await new Presenter().run();
