"""How uvicorn serves the application: what a connection may take, and for how long."""

import asyncio
import logging
import resource
import ssl
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.voice_messages import MAX_SOUND_BYTES

logger = logging.getLogger(__name__)

# For the first line and the headers of a request, from the connection or the last answer on.
_HEAD_TIMEOUT_S = 20.0
_SHUTDOWN_TIMEOUT_S = 5
# Each connection takes one. More would never be used: all of them together are served by one core.
_MAX_OPEN_FILES = 65_536


class Http(H11Protocol):
    """Closes a connection on which no request is whole for too long.

    uvicorn waits for ever for the first one, for one that comes in drops, and while what is left of
    a body comes that was answered already.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        self._wait_for_head()
        super().on_response_complete()

    def _wait_for_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(_HEAD_TIMEOUT_S, self._close_if_waiting)

    def _close_if_waiting(self) -> None:
        # None before the first request, whatever its type says.
        if self.cycle and not self.cycle.response_complete:  # type: ignore[truthy-bool]
            return
        # A WebSocket has a protocol of its own, with timeouts of its own.
        if self.transport.get_protocol() is self:
            logger.debug("no request for %g s: connection closed", _HEAD_TIMEOUT_S)
            self.transport.close()


def config(app: ASGIApp, tls: ssl.SSLContext | None = None, **options: Any) -> uvicorn.Config:
    """How to serve ``app``, with HTTPS by ``tls``; ``options``: others of uvicorn's."""
    return uvicorn.Config(
        app,
        http=Http,
        # It reads no more of a socket while a message waits: there are as many as one read brings
        # (256 KB), and one that is not whole yet, of at most `ws_max_size`; larger ones are
        # answered 1009. That holds for what is not compressed: else each could be 1,000 times as
        # large as what came. PCM hardly gets smaller by it.
        ws="websockets-sansio",
        ws_max_size=MAX_SOUND_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_S,
        ssl_context_factory=None if tls is None else lambda *_: tls,
        **options,
    )


def raise_open_files() -> None:
    """Let this process open as many files, connections among them, as the system permits it.

    What it is given at first, mostly 1,024, is for programs that use ``select``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        # macOS tells no limit, and has one.
        logger.warning("open files stay limited to %d: %s", soft, error)
