/** Every sentence the page says about a problem, and what to do about it, in one place. */

import { CallError } from "./call_error.js";

/** @type {Record<import("./call_error.js").ErrorKind, { title: string, help: string }>} */
const WORDS = {
  "insecure-context": {
    title: "This address is not secure",
    help:
      "Browsers give the microphone only to https pages and to localhost. " +
      "Open Likeness over https (start it with --https), or at localhost on the machine that " +
      "runs it.",
  },
  "microphone-refused": {
    title: "The microphone is blocked",
    help:
      "Allow it for this page, with the icon beside the address, and for the browser in the privacy " +
      "settings of the system. Then try again.",
  },
  "microphone-missing": {
    title: "No microphone found",
    help: "Plug one in, or switch it on, then try again.",
  },
  "microphone-busy": {
    title: "The microphone is in use",
    help: "Another program holds it. Close that program, then try again.",
  },
  "microphone-failed": {
    title: "The microphone stopped",
    help: "Choose another microphone, or plug this one in again, then try again.",
  },
  "microphone-replaced": {
    title: "Your microphone is gone",
    help: "You are heard through the default one now.",
  },
  "server-full": {
    title: "Every place is taken",
    help: "The server is full just now.",
  },
  "server-starting": {
    title: "The server is waking up",
    help: "Its model is still loading.",
  },
  "server-stopped": {
    title: "The server was stopped",
    help: "The call goes on when it is back.",
  },
  "server-away": {
    title: "The server does not answer",
    help: "Check the network, and that Likeness is running.",
  },
  "server-failed": {
    title: "The server had a problem",
    help: "Try again in a moment.",
  },
  "offer-refused": {
    title: "The server refused the call",
    help: "This browser and the server found no common way to send sound and picture.",
  },
  "portrait-gone": {
    title: "This portrait is no longer here",
    help: "The server keeps uploads only for a while. Add it again, or choose another.",
  },
  "portrait-refused": {
    title: "This picture cannot speak",
    help: "Choose a picture with one face, seen from the front.",
  },
  "portraits-busy": {
    title: "Portraits are being prepared",
    help: "The server has others to prepare before this one: a moment's wait helps.",
  },
  "portraits-unavailable": {
    title: "The portraits did not load",
    help: "Check that Likeness is running, then reload the page.",
  },
  "avatar-exists": {
    title: "This name is taken",
    help: "There is an avatar of this name already. Choose another name, or delete that one first.",
  },
  "avatar-refused": {
    title: "The avatar was not changed",
    help: "Reload the page, then try again.",
  },
  "connection-lost": {
    title: "The connection dropped",
    help: "Your portrait is waiting here.",
  },
  "no-way": {
    title: "No way through the network was found",
    help:
      "The server answers, but sound and picture do not arrive: they need UDP to this server, or " +
      "a TURN server (README, “Behind NAT and firewalls”).",
  },
  "browser-exhausted": {
    title: "The browser makes no more connections",
    help: "Reload the page if this does not pass.",
  },
  "gave-up": {
    title: "The call was ended",
    help:
      "There was no connection for ten minutes, so the microphone was closed. " +
      "Press the button to begin again.",
  },
  "call-ended": {
    title: "The call has ended",
    help: "Press Start to begin again.",
  },
  "key-needed": {
    title: "This server asks for a key",
    help: "Enter the one that you were given, below the portrait.",
  },
  "key-refused": {
    title: "This key opens nothing here",
    help: "Enter another, below the portrait.",
  },
  "key-too-narrow": {
    title: "This key does not allow that",
    help: "Who runs this server can make another: likeness keys add.",
  },
  "no-keys": {
    title: "This server serves only its own machine",
    help: "To let others in, make a key on that machine: likeness keys add.",
  },
  "too-often": {
    title: "Too many requests",
    help: "The server answers one address only so often: a moment's wait helps.",
  },
  "recording-gone": {
    title: "The recording cannot be saved",
    help: "The server has it no more.",
  },
  "recording-split": {
    title: "The recording goes on in a second file",
    help: "The connection dropped meanwhile. Each file can be saved, below the portrait.",
  },
  "not-live": {
    title: "The portrait is at rest",
    help: "It wakes when somebody speaks through it.",
  },
  "speech-refused": {
    title: "This was not said",
    help: "The server refused the text.",
  },
  "speech-failed": {
    title: "The voice failed",
    help: "The server could not turn the text into speech.",
  },
  "voice-taken": {
    title: "The portrait speaks for somebody else",
    help: "Wait until they have ended.",
  },
  "sound-held": {
    title: "The browser holds the sound back",
    help: "It wants a press before it plays.",
  },
  "server-says": {
    title: "The server says",
    help: "Something that you asked for was refused.",
  },
  "call-idle": {
    title: "The call was ended to free its place",
    help: "Nothing was heard for a long time. Press Start to go on.",
  },
};

/** In the line below the picture, for the seconds in which it is not known whether all is lost. */
export const INTERRUPTED = "The connection is interrupted. Looking for another way…";

/** @type {readonly import("./call_error.js").ErrorKind[]} the server tells these better */
const TOLD_BY_DETAIL = [
  "portrait-refused",
  "avatar-refused",
  "server-failed",
  "offer-refused",
  "key-refused",
  "no-keys",
  "recording-gone",
  "speech-refused",
  "speech-failed",
  "server-says",
];

/** @type {readonly import("./call_error.js").ErrorKind[]} whose way out the server cannot tell */
const TOLD_WITH_HELP = ["key-too-narrow"];

/** @param {string} text */
function asSentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/**
 * @param {CallError} error
 * @returns {{ title: string, text: string }}
 */
export function describe(error) {
  const { title, help } = WORDS[error.kind];
  const detail = asSentence(error.detail);
  if (TOLD_WITH_HELP.includes(error.kind)) return { title, text: `${detail} ${help}`.trim() };
  return { title, text: (TOLD_BY_DETAIL.includes(error.kind) && detail) || help };
}

/**
 * @param {CallError} error why another microphone could not be had in a call
 * @returns {{ title: string, text: string }}
 */
export function describeKept(error) {
  return { title: WORDS[error.kind].title, text: "The one before goes on." };
}

/** @param {number} seconds whole seconds until the next attempt */
export function describeWait(seconds) {
  return seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again now.";
}
