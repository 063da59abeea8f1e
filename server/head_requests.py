"""HEAD of whatever can be got (RFC 9110 section 9.3.2), for probes and link checkers."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Only GET has ranges (RFC 9110 section 14.2).
_NOT_OF_HEAD = (b"range", b"if-range")


class HeadRequests:
    """ASGI middleware: answers HEAD as GET, which ends as soon as its header is known.

    A stream of events would else go on for somebody who never reads it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on all other requests as they are."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        known = asyncio.Event()

        async def send_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})
                known.set()

        headers = [item for item in scope["headers"] if item[0] not in _NOT_OF_HEAD]
        get = {**scope, "method": "GET", "headers": headers}

        async def answer() -> None:
            await self._app(get, receive, send_header)

        answering = asyncio.create_task(answer())
        answering.add_done_callback(lambda _: known.set())
        try:
            await known.wait()
        finally:
            answering.cancel()
            await asyncio.wait([answering])
        if not answering.cancelled():
            answering.result()
