/** Puts the page's parts together; each part's own behaviour is in its own module. */

import { Call, CallState } from "./call.js";
import { CallError } from "./call_error.js";
import { CallMicrophone } from "./call_microphone.js";
import { Controls } from "./controls.js";
import { Entrance } from "./entrance.js";
import { FiguresPanel } from "./figures_panel.js";
import { find } from "./find.js";
import { GalleryApi } from "./gallery_api.js";
import { Notice } from "./notice.js";
import { PortraitImages } from "./portrait_images.js";
import { PortraitPicker } from "./portrait_picker.js";
import { RecordButton } from "./record_button.js";
import { SaveButtons } from "./save_buttons.js";
import { Signalling } from "./signalling.js";
import { Stage } from "./stage.js";
import { StatsMonitor } from "./stats.js";
import { StatusLine } from "./status_line.js";
import { describe } from "./words.js";

/** @typedef {{ id: string, title: string }} ChosenPortrait */

class App {
  #base = document.baseURI;
  /** @type {ChosenPortrait | null} */
  #portrait = null;

  #start = find("start", HTMLButtonElement);
  #sound = find("sound", HTMLButtonElement);

  #status = new StatusLine({
    line: find("status", HTMLElement),
    badge: find("badge", HTMLElement),
  });
  #notice = new Notice(document, this.#start, () => this.#entrance.ask());
  #entrance = new Entrance(
    { form: find("key-form", HTMLFormElement), input: find("key", HTMLInputElement) },
    { onAsk: () => this.#sayStatus(), onKey: () => this.#onKey() },
  );
  #call = new Call(new Signalling(this.#base, this.#entrance.api), {
    onState: (state, reason, retryIn_ms) => this.#onCallState(state, reason, retryIn_ms),
    onInterrupted: () => this.#sayStatus(),
    onPortrait: (id) => this.#onRefusedPortrait(id),
    onPortraitGone: (id) => this.#onForgottenPortrait(id),
    onStream: (stream) => this.#stage.showStream(stream),
    onMessage: (message) => this.#onMessage(message),
  });
  #microphone = new CallMicrophone(this.#call, this.#notice, {
    onChange: () => this.#sayStatus(),
    onLevel: (level) => this.#stage.setVoiceLevel(level),
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
  #controls = new Controls(
    {
      faces: find("faces", HTMLElement),
      strength: find("strength", HTMLInputElement),
      headSpeed: find("head-speed", HTMLInputElement),
    },
    () => this.#sendControls(),
  );
  #figures = new FiguresPanel({
    fps: find("fps", HTMLElement),
    latency: find("latency", HTMLElement),
    skew: find("skew", HTMLElement),
  });
  #stats = new StatsMonitor(
    () => this.#call.getStats(),
    (figures) => this.#figures.show(figures),
  );
  #images = new PortraitImages(this.#entrance.api);
  #picker = new PortraitPicker(
    new GalleryApi(this.#base, this.#entrance.api),
    this.#images,
    {
      settings: () => this.#controls.settings,
      onSelect: (portrait, byUser) => this.#onPortrait(portrait, byUser),
      onError: (error) => this.#notice.tell(error),
    },
  );

  #saves = new SaveButtons(
    find("saves", HTMLElement),
    this.#base,
    this.#entrance.api,
    (error) => this.#notice.tell(error),
  );
  #record = new RecordButton(find("record", HTMLButtonElement), {
    onWish: (message) => this.#call.send(message),
    onEnded: (id) => this.#saves.offer(id),
    onError: (error) => this.#notice.tell(error),
  });

  async run() {
    // Firefox lets it be what it was before a reload.
    this.#start.disabled = true;
    this.#start.addEventListener("click", (event) => {
      // A double-click is one wish.
      if (event.detail <= 1) this.#toggleCall();
    });
    this.#sound.addEventListener("click", () => this.#toggleSound());
    find("settings", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("online", () => this.#call.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#call.retryNow();
    });
    window.addEventListener("pagehide", () => this.#call.stop());

    this.#entrance.start();
    this.#sayStatus();
    await Promise.all([this.#microphone.listDevices(), this.#load()]);
  }

  /** Asks for what the server has. */
  async #load() {
    await this.#picker.load();
    if (!this.#entrance.asks) await this.#saves.offerEarlier();
  }

  // Call ----------------------------------------------------------------------------------------

  async #toggleCall() {
    if (this.#call.state !== CallState.IDLE) {
      this.#call.stop();
    } else if (this.#microphone.opening) {
      this.#microphone.close();
    } else if (this.#portrait) {
      await this.#startCall(this.#portrait.id);
    }
  }

  /** @param {string} portraitId */
  async #startCall(portraitId) {
    this.#notice.hide();
    const track = await this.#microphone.open();
    if (track) this.#call.start(track, portraitId);
  }

  /**
   * @param {string} state
   * @param {CallError | null} reason
   * @param {number} retryIn_ms
   */
  #onCallState(state, reason, retryIn_ms) {
    document.body.dataset.call = state;
    const live = state === CallState.LIVE;
    if (live) {
      this.#notice.hide();
      this.#stats.start();
      this.#sendControls();
      this.#microphone.sendMuted();
    } else {
      this.#stats.stop();
      this.#figures.clear();
      this.#stage.hideStream();
    }
    if (state === CallState.WAITING && reason) {
      const action = { label: "Try now", run: () => this.#call.retryNow() };
      this.#notice.show(describe(reason), action, retryIn_ms);
    }
    if (state === CallState.IDLE) {
      this.#microphone.close();
      if (reason) this.#notice.tell(reason);
      else this.#notice.hide();
      if (reason?.kind === "portrait-gone") this.#picker.load(this.#portrait?.id);
    }
    this.#record.follow(state);
    this.#sayStatus();
  }

  /** @param {import("./messages.js").ServerMessage} message */
  #onMessage(message) {
    if (message.type === "stats") {
      this.#stats.onServerStats(message);
      this.#sayStatus();
    } else if (message.type === "recording") this.#onRecording(message);
    else if (message.type === "error" && !message.fatal) {
      this.#notice.show(describe(new CallError("server-says", message.message)));
    }
  }

  /** @param {import("./messages.js").RecordingMessage} message */
  #onRecording(message) {
    this.#record.show(message);
    this.#sayStatus();
  }

  #sendControls() {
    for (const message of this.#controls.messages()) this.#call.send(message);
  }

  /**
   * @param {import("./portrait_picker.js").Portrait} portrait
   * @param {boolean} byUser
   */
  async #onPortrait(portrait, byUser) {
    this.#portrait = portrait;
    if (portrait.settings) this.#controls.settings = portrait.settings;
    this.#start.disabled = false;
    // A choice the page made by itself must not hide why it had to.
    if (byUser) this.#notice.hide();
    if (this.#call.state !== CallState.IDLE) this.#call.setPortrait(portrait.id);
    this.#sayStatus();
    try {
      const source = await this.#images.source(portrait.image_url);
      if (this.#portrait === portrait) await this.#stage.showStill(source, portrait.title);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#notice.tell(error);
    }
  }

  /** @param {string} id of the one that the server goes on with */
  #onRefusedPortrait(id) {
    this.#picker.goBackTo(id);
    this.#sendControls();
  }

  /**
   * @param {string} id of an upload, perhaps: a server that was started again has none
   * @returns {Promise<string | null>}
   */
  async #onForgottenPortrait(id) {
    const portrait = await this.#picker.sendAgain(id);
    if (portrait && this.#portrait?.id === id) this.#portrait = portrait;
    return portrait?.id ?? null;
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
    this.#sayStatus();
    await this.#load();
    // The field that had it is hidden.
    if (document.activeElement === document.body) this.#start.focus();
  }

  // Buttons -------------------------------------------------------------------------------------

  #toggleSound() {
    const audible = this.#sound.getAttribute("aria-pressed") !== "true";
    this.#sound.setAttribute("aria-pressed", String(audible));
    this.#stage.setAudible(audible);
  }

  #sayStatus() {
    const idle = this.#call.state === CallState.IDLE;
    const label = this.#microphone.opening ? "Cancel" : idle ? "Start" : "Stop";
    if (this.#start.textContent !== label) this.#start.textContent = label;
    this.#status.show({
      opening: this.#microphone.opening,
      asksForKey: this.#entrance.asks,
      call: this.#call.state,
      interrupted: this.#call.interrupted,
      muted: this.#microphone.muted,
      silenced: this.#microphone.silenced,
      recording: this.#record.active,
      behind: this.#stats.behind,
      coarse: this.#stats.coarse,
      chosen: this.#portrait !== null,
    });
  }
}

await new App().run();
