/** Reads an error answer of the server (RFC 9457 `application/problem+json`). */

/** @typedef {{ code: string, detail: string }} Problem `code`: the kind, for programs */

/**
 * @param {Response} response
 * @returns {Promise<Problem>} `detail` is the problem's detail, else the HTTP status
 */
export async function readProblem(response) {
  const status = `HTTP ${response.status} ${response.statusText}`.trim();
  const unknown = { code: "", detail: status };
  if (!/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) return unknown;
  try {
    const { type, detail, title } = await response.json();
    return { code: String(type ?? "").split(":").at(-1) ?? "", detail: detail ?? title ?? status };
  } catch (error) {
    if (error instanceof SyntaxError) return unknown;
    throw error;
  }
}
