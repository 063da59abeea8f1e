/** Puts the page's parts together; each part's own behaviour is in its own module. */

import { Call, CallState } from "./call.js";
import { CallError } from "./call_error.js";
import { Controls } from "./controls.js";
import { Entrance } from "./entrance.js";
import { FiguresPanel } from "./figures_panel.js";
import { find } from "./find.js";
import { GalleryApi } from "./gallery_api.js";
import { MicrophonePanel } from "./microphone_panel.js";
import { Notice } from "./notice.js";
import { PortraitImages } from "./portrait_images.js";
import { PortraitPicker } from "./portrait_picker.js";
import { RecordButton } from "./record_button.js";
import { SaveButtons } from "./save_buttons.js";
import { Signalling } from "./signalling.js";
import { Stage } from "./stage.js";
import { StatsMonitor } from "./stats.js";
import { StatusLine } from "./status_line.js";
import { takesText } from "./typing.js";
import { describe, describeKept } from "./words.js";

/** @typedef {{ id: string, title: string }} ChosenPortrait */

class App {
  #base = document.baseURI;
  /** @type {ChosenPortrait | null} */
  #portrait = null;
  #opening = false;

  #start = find("start", HTMLButtonElement);
  #mute = find("mute", HTMLButtonElement);
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
  #microphone = new MicrophonePanel(
    {
      devices: find("microphone", HTMLSelectElement),
      echoCancellation: find("echo-cancellation", HTMLInputElement),
      noiseSuppression: find("noise-suppression", HTMLInputElement),
      autoGainControl: find("auto-gain", HTMLInputElement),
      level: find("level", HTMLMeterElement),
    },
    {
      onChange: () => this.#onMicrophoneChange(),
      onEnded: () => this.#onMicrophoneEnded(),
      onSilenced: () => this.#sayStatus(),
      onLevel: (level) => this.#stage.setVoiceLevel(level),
    },
  );
  #call = new Call(new Signalling(this.#base, this.#entrance.api), {
    onState: (state, reason, retryIn_ms) => this.#onCallState(state, reason, retryIn_ms),
    onInterrupted: () => this.#sayStatus(),
    onPortrait: (id) => this.#onRefusedPortrait(id),
    onPortraitGone: (id) => this.#onForgottenPortrait(id),
    onStream: (stream) => this.#stage.showStream(stream),
    onMessage: (message) => this.#onMessage(message),
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
    this.#mute.addEventListener("click", () => this.#toggleMute());
    this.#sound.addEventListener("click", () => this.#toggleSound());
    find("settings", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey, altKey, repeat } = event;
      if (takesText(event.target) || ctrlKey || metaKey || altKey || repeat) return;
      // What is pressed then is an answer.
      if (document.querySelector("dialog[open]")) return;
      if (key.toLowerCase() === "m") this.#toggleMute();
    });
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
    } else if (this.#opening) {
      this.#microphone.close();
      this.#setOpening(false);
    } else if (this.#portrait) {
      await this.#startCall(this.#portrait.id);
    }
  }

  /** @param {string} portraitId */
  async #startCall(portraitId) {
    this.#notice.hide();
    this.#setOpening(true);
    try {
      const track = await this.#microphone.open();
      // Cancelled, and perhaps pressed again: that one opens now.
      if (!track) return;
      this.#setOpening(false);
      this.#call.start(track, portraitId);
    } catch (error) {
      this.#setOpening(false);
      if (!(error instanceof CallError)) throw error;
      this.#notice.tell(error);
    }
  }

  /** @param {boolean} opening */
  #setOpening(opening) {
    this.#opening = opening;
    this.#sayStatus();
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
      this.#sendMuted();
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

  #sendMuted() {
    this.#call.send({ type: "pause", paused: this.#microphone.muted });
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

  // Microphone ----------------------------------------------------------------------------------

  async #onMicrophoneChange() {
    if (this.#call.state === CallState.IDLE) return;
    try {
      const track = await this.#microphone.open();
      if (track) await this.#call.replaceTrack(track);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#microphone.putBack();
      this.#notice.show(describeKept(error));
    }
  }

  /** It goes on with the default one, if there is one. */
  async #onMicrophoneEnded() {
    if (this.#call.state === CallState.IDLE) return;
    try {
      const track = await this.#microphone.openDefault();
      if (!track) return;
      await this.#call.replaceTrack(track);
      this.#notice.show(describe(new CallError("microphone-replaced")));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#call.stop();
      this.#notice.tell(error);
      this.#microphone.listDevices();
    }
  }

  // Buttons -------------------------------------------------------------------------------------

  #toggleMute() {
    this.#microphone.muted = !this.#microphone.muted;
    press(this.#mute, this.#microphone.muted);
    this.#sendMuted();
    this.#sayStatus();
  }

  #toggleSound() {
    const audible = this.#sound.getAttribute("aria-pressed") !== "true";
    press(this.#sound, audible);
    this.#stage.setAudible(audible);
  }

  #sayStatus() {
    const idle = this.#call.state === CallState.IDLE;
    const label = this.#opening ? "Cancel" : idle ? "Start" : "Stop";
    if (this.#start.textContent !== label) this.#start.textContent = label;
    this.#status.show({
      opening: this.#opening,
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

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} pressed
 */
function press(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

await new App().run();
