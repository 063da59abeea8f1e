"""Refuses addresses in which a name has a slash, before they are taken for others.

A slash within a name comes as "%2F" (RFC 3986 section 2.2). Servers hand paths on decoded: then
"/whip/a%2Fb", a name, is "/whip/a/b", a connection of another.
"""

import re
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from server.problems import Problem, problem_response

_ENCODED = re.compile(rb"%2f", re.IGNORECASE)
_MAX_TOLD_CHARS = 200


class EncodedSlashes:
    """ASGI middleware: answers 422 to them, WebSockets too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on all others."""
        path = scope.get("raw_path") or b""
        if not _ENCODED.search(path):
            await self._app(scope, receive, send)
            return
        problem = Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid-name",
            f"found a slash in a name (%2F in {path.decode('latin-1')[:_MAX_TOLD_CHARS]!r}),"
            " expected letters, digits, '.', '_' and '-' only: nothing here has another name",
        )
        await problem_response(problem)(scope, receive, send)
