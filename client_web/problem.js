/** Reads an error answer of the server (RFC 9457 `application/problem+json`). */

/**
 * @param {Response} response
 * @returns {Promise<string>} the problem's detail, else its title, else the HTTP status
 */
export async function problemDetail(response) {
  const status = `HTTP ${response.status} ${response.statusText}`.trim();
  if (!/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) return status;
  try {
    const problem = await response.json();
    return String(problem?.detail ?? problem?.title ?? status);
  } catch (error) {
    if (error instanceof SyntaxError) return status;
    throw error;
  }
}
