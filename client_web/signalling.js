/**
 * The HTTP side of a call, by WHIP's resource rules (RFC 9725): POST an offer, PATCH the
 * candidates as they are found, DELETE to hang up.
 */

import { accessError } from "./access_error.js";
import { CallError } from "./call_error.js";
import { readProblem } from "./problem.js";

/** A server that is full and names no time is asked again after this many seconds. */
const DEFAULT_RETRY_AFTER_S = 5;
const SDP_FRAGMENT = "application/trickle-ice-sdpfrag";

/**
 * ICE servers from a `Link` header (RFC 9725 section 4.6), such as
 * `<turn:a.example>; rel="ice-server"; username="u"; credential="c"; credential-type="password"`.
 *
 * @param {string | null} header
 * @returns {RTCIceServer[]}
 */
export function parseIceServers(header) {
  /** @type {RTCIceServer[]} */
  const servers = [];
  for (const [, url, rest] of (header ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="[^"]*")*)/g)) {
    const entries = [...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, k, v]) => [k, v]);
    const parameters = Object.fromEntries(entries);
    if (parameters.rel !== "ice-server") continue;
    const { username, credential } = parameters;
    servers.push(username ? { urls: url, username, credential } : { urls: url });
  }
  return servers;
}

/**
 * The body of a trickle PATCH (RFC 8840 section 9): the credentials and the first media section
 * that carry the candidates; all media are bundled on it.
 *
 * @param {string} sdp the local description
 * @param {readonly string[]} candidates `candidate:...` lines
 * @param {boolean} complete no more candidates will come
 */
export function sdpFragment(sdp, candidates, complete) {
  /** @param {RegExp} pattern */
  const line = (pattern) => {
    const found = sdp.match(pattern);
    if (!found) throw new CallError("offer-refused", `local SDP has no line like ${pattern}`);
    return found[0].trim();
  };
  const lines = [
    line(/^a=ice-ufrag:.*$/m),
    line(/^a=ice-pwd:.*$/m),
    line(/^m=.*$/m),
    line(/^a=mid:.*$/m),
    ...candidates.map((candidate) => `a=${candidate}`),
  ];
  if (complete) lines.push("a=end-of-candidates");
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * What the server has answered to be, in another ICE session (RFC 9725 section 4.3.3).
 *
 * @param {string} sdp the remote description
 * @param {string} fragment the server's credentials and candidates of the new session
 */
export function inNewIceSession(sdp, fragment) {
  /** @param {string} text @param {RegExp} pattern */
  const lines = (text, pattern) => text.split(/\r?\n/).filter((line) => pattern.test(line));
  const ofIce = /^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)/;
  const fresh = lines(fragment, ofIce);
  const credentials = fresh.filter((line) => line.startsWith("a=ice-"));
  let isFirst = true;
  const renewed = lines(sdp, /./).flatMap((line) => {
    if (ofIce.test(line)) return [];
    if (!line.startsWith("a=mid:")) return [line];
    const own = isFirst ? fresh : credentials;
    isFirst = false;
    return [line, ...own];
  });
  return `${renewed.join("\r\n")}\r\n`;
}

/**
 * What the server's problem codes mean for a call; `retry`: it may go better later.
 *
 * @type {Record<string, { kind: import("./call_error.js").ErrorKind, retry: boolean }>}
 */
const MEANINGS = {
  starting: { kind: "server-starting", retry: true },
  "server-full": { kind: "server-full", retry: true },
  "portraits-busy": { kind: "portraits-busy", retry: true },
  "inference-died": { kind: "server-failed", retry: true },
  "unknown-portrait": { kind: "portrait-gone", retry: false },
  "unknown-avatar": { kind: "portrait-gone", retry: false },
  "damaged-avatar": { kind: "portrait-gone", retry: false },
  "unusable-portrait": { kind: "portrait-refused", retry: false },
  "not-live": { kind: "not-live", retry: false },
  "voice-taken": { kind: "voice-taken", retry: false },
  "too-many-viewers": { kind: "server-full", retry: true },
  "unknown-call": { kind: "connection-lost", retry: true },
  "other-ice-session": { kind: "connection-lost", retry: true },
};

/**
 * @param {number} status of an answer whose code is not known: a proxy's, or another version's
 * @returns {{ kind: import("./call_error.js").ErrorKind, retry: boolean }}
 */
export function meaningOfStatus(status) {
  if ([502, 503, 504].includes(status)) return { kind: "server-away", retry: true };
  if (status >= 500) return { kind: "server-failed", retry: true };
  return { kind: "offer-refused", retry: false };
}

/**
 * @param {Response} response
 * @returns {Promise<CallError>}
 */
export async function refusal(response) {
  const problem = await readProblem(response);
  const refused = accessError(problem);
  if (refused) return refused;
  const { code, detail } = problem;
  const { kind, retry } = Object.hasOwn(MEANINGS, code)
    ? MEANINGS[code]
    : meaningOfStatus(response.status);
  if (response.status !== 503) return new CallError(kind, detail, { retry });
  const retryAfter_s = problem.retryAfter_s ?? DEFAULT_RETRY_AFTER_S;
  return new CallError(kind, detail, { retry, retryAfter_s });
}

/** One call's resource on the server. PATCHes are sent one at a time; candidates that are found
 * meanwhile share the next one. */
export class CallResource {
  /** @type {string[]} */
  #candidates = [];
  #complete = false;
  /** @type {Promise<void> | null} */
  #sending = null;
  /** An ICE restart is under way: candidates wait until the server has its new session. */
  #restarting = false;
  #closed = false;

  /**
   * @param {string} url
   * @param {string | null} etag
   * @param {Pick<import("./api.js").Api, "fetch">} api
   * @param {(error: CallError) => void} onError a candidate could not be delivered
   */
  constructor(url, etag, api, onError) {
    this.url = url;
    this.etag = etag;
    this.api = api;
    this.onError = onError;
  }

  /**
   * @param {string} sdp the local description that the candidate belongs to
   * @param {string | null} candidate null: there are no more
   */
  trickle(sdp, candidate) {
    if (candidate) this.#candidates.push(candidate);
    else this.#complete = true;
    this.#flush(sdp);
  }

  /**
   * Asks for a new ICE session.
   *
   * @param {() => Promise<string>} begin makes the local description of the new session
   * @param {() => Promise<void>} undo takes it back
   * @returns {Promise<string>} the server's own fragment
   * @throws {CallError | TypeError} refused, or no answer: the session is still the old one
   */
  async restartIce(begin, undo) {
    this.#restarting = true;
    try {
      await this.#sending;
      this.#candidates = [];
      this.#complete = false;
      const sdp = await begin();
      const headers = { "Content-Type": SDP_FRAGMENT, "If-Match": "*" };
      const body = sdpFragment(sdp, [], false);
      const response = await this.api.fetch(this.url, { method: "PATCH", headers, body });
      if (response.status !== 200) throw await refusal(response);
      this.etag = response.headers.get("ETag");
      const fragment = await response.text();
      this.#restarting = false;
      this.#flush(sdp);
      return fragment;
    } catch (error) {
      await undo();
      this.#candidates = [];
      this.#complete = false;
      throw error;
    } finally {
      this.#restarting = false;
    }
  }

  /** @param {string} sdp */
  #flush(sdp) {
    if (this.#restarting || this.#sending) return;
    this.#sending = this.#send(sdp).finally(() => {
      this.#sending = null;
    });
  }

  /** @param {string} sdp */
  async #send(sdp) {
    let told = false;
    try {
      while (!this.#closed && (this.#candidates.length || (this.#complete && !told))) {
        told = this.#complete;
        const body = sdpFragment(sdp, this.#candidates.splice(0), told);
        /** @type {Record<string, string>} */
        const headers = { "Content-Type": SDP_FRAGMENT };
        if (this.etag) headers["If-Match"] = this.etag;
        const response = await this.api.fetch(this.url, { method: "PATCH", headers, body });
        if (!response.ok) throw await refusal(response);
      }
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof CallError) this.onError(error);
      else this.onError(new CallError("server-away", String(error), { retry: true }));
    }
  }

  /** Hangs up; survives the page being closed. A server that is already gone needs no goodbye. */
  hangUp() {
    if (this.#closed) return;
    this.#closed = true;
    this.api.fetch(this.url, { method: "DELETE", keepalive: true }).catch(() => undefined);
  }
}

/** @typedef {{ answer: string, iceServers: RTCIceServer[], resource: CallResource }} Answered */

/**
 * Offers at a WHIP or WHEP endpoint.
 *
 * @param {Pick<import("./api.js").Api, "fetch">} api
 * @param {URL} url
 * @param {string} sdp the offer
 * @param {(error: CallError) => void} onError a problem after the offer was accepted
 * @returns {Promise<Answered>}
 * @throws {CallError} refused, full or away
 */
export async function postOffer(api, url, sdp, onError) {
  let response;
  try {
    const headers = { "Content-Type": "application/sdp" };
    response = await api.fetch(url, { method: "POST", headers, body: sdp });
  } catch (error) {
    throw new CallError("server-away", String(error), { retry: true });
  }
  if (!response.ok) throw await refusal(response);
  const location = response.headers.get("Location");
  if (!location) {
    throw new CallError("server-failed", "the answer has no Location, so it cannot be ended");
  }
  const resource = new CallResource(
    new URL(location, response.url).href,
    response.headers.get("ETag"),
    api,
    onError,
  );
  const iceServers = parseIceServers(response.headers.get("Link"));
  try {
    return { answer: await response.text(), iceServers, resource };
  } catch (error) {
    // It broke off, but the call is there.
    resource.hangUp();
    throw new CallError("server-away", String(error), { retry: true });
  }
}

export class Signalling {
  /**
   * @param {string | URL} base the page's address, below which `v1/calls` lives
   * @param {import("./api.js").Api} api
   */
  constructor(base, api) {
    this.api = api;
    this.callsUrl = new URL("v1/calls", base);
  }

  /**
   * See postOffer.
   *
   * @param {string} sdp
   * @param {string} portraitId
   * @param {(error: CallError) => void} onError
   */
  call(sdp, portraitId, onError) {
    const url = new URL(this.callsUrl);
    url.searchParams.set("portrait", portraitId);
    return postOffer(this.api, url, sdp, onError);
  }
}
