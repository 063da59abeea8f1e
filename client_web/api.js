/** Requests to the server, each with the key if there is one; tells when another is needed. */
export class Api {
  /**
   * @param {import("./access_key.js").AccessKey} key
   * @param {() => void} onKeyNeeded the server asks for a key, or knows this one no longer
   */
  constructor(key, onKeyNeeded) {
    this.key = key;
    this.onKeyNeeded = onKeyNeeded;
  }

  /**
   * @param {string | URL} url
   * @param {RequestInit} [options]
   * @returns {Promise<Response>} whatever its status
   * @throws {TypeError | DOMException} no answer, as `fetch` has it
   */
  async fetch(url, options = {}) {
    const sent = this.key.value;
    const headers = new Headers(options.headers);
    if (sent) headers.set("Authorization", `Bearer ${sent}`);
    const response = await fetch(url, { ...options, headers });
    const challenge = response.headers.get("WWW-Authenticate") ?? "";
    // A proxy on the way may want something else of its own (RFC 9110 section 11.6.1).
    if (response.status === 401 && challenge.startsWith("Bearer")) {
      // Not if it has been replaced while this one was on its way.
      if (this.key.value === sent) {
        this.key.forget();
        this.onKeyNeeded();
      }
    }
    return response;
  }
}
