/** Reads an error answer of the server (RFC 9457 `application/problem+json`). */

/**
 * @typedef {{ code: string, detail: string, retryAfter_s: number | null }} Problem
 *   `code`: the kind, for programs; `retryAfter_s`: null unless the server named seconds
 */

/**
 * @param {Response} response
 * @returns {Promise<Problem>} `detail` is the problem's detail, else the HTTP status
 */
export async function readProblem(response) {
  const status = `HTTP ${response.status} ${response.statusText}`.trim();
  const after_s = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const retryAfter_s = Number.isFinite(after_s) ? after_s : null;
  const unknown = { code: "", detail: status, retryAfter_s };
  if (!/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) return unknown;
  try {
    const { type, detail, title } = await response.json();
    const code = String(type ?? "").split(":").at(-1) ?? "";
    return { code, detail: detail ?? title ?? status, retryAfter_s };
  } catch (error) {
    // No JSON, or the answer broke off.
    if (error instanceof SyntaxError || error instanceof TypeError) return unknown;
    throw error;
  }
}
