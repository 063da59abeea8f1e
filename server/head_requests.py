"""HEAD of whatever can be got (RFC 9110 section 9.3.2), for probes and link checkers."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


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

        async def get() -> None:
            await self._app({**scope, "method": "GET"}, receive, send_header)

        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(get())
            answering.add_done_callback(lambda _: known.set())
            await known.wait()
            answering.cancel()
