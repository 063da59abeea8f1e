"""Events for whoever listens, over HTTP as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.problems import Problem

MEDIA_TYPE = "text/event-stream"
MAX_LISTENERS = 100
# Texts of sentences: some hundred bytes each.
_MAX_WAITING = 1000
# Proxies end connections on which nothing comes, mostly after 60 s.
_BEAT_S = 15.0
_RETRY_AFTER_S = 10
_BEAT = b": still here\n\n"


@dataclass(frozen=True)
class Event:
    """``kind`` is told as the event's type, ``data`` as JSON."""

    kind: str
    data: dict[str, object]

    def encode(self) -> bytes:
        """Return it as it is sent."""
        return f"event: {self.kind}\ndata: {json.dumps(self.data)}\n\n".encode()


@dataclass(eq=False)
class Listener:
    """One who listens, and what it is still to be told; None: no more."""

    waiting: asyncio.Queue[Event | None] = field(
        default_factory=lambda: asyncio.Queue(_MAX_WAITING + 1)
    )


class Listeners:
    """Tells each listener every event, in order; one that does not keep up is let go.

    It then connects again and is told how things are.
    """

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def tell(self, event: Event) -> None:
        """Tell everybody."""
        for listener in tuple(self._listeners):
            if listener.waiting.qsize() >= _MAX_WAITING:
                self._let_go(listener)
            else:
                listener.waiting.put_nowait(event)

    def close(self) -> None:
        """Let everybody go, once they were told what waits."""
        for listener in tuple(self._listeners):
            self._let_go(listener)

    def join(self, first: Event) -> Listener:
        """Return a new listener, to be told ``first`` and then every event; it must ``leave``.

        Raises Problem 503 when too many listen.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too-many-listeners",
                f"{MAX_LISTENERS} listen already, expected fewer: come back later",
                {"Retry-After": str(_RETRY_AFTER_S)},
            )
        listener = Listener()
        listener.waiting.put_nowait(first)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners.discard(listener)

    def _let_go(self, listener: Listener) -> None:
        self.leave(listener)
        listener.waiting.put_nowait(None)


class EventResponse(StreamingResponse):
    """Sends every event of ``listeners``, ``first`` first. Raises Problem as ``join``."""

    def __init__(self, listeners: Listeners, first: Event, beat_s: float = _BEAT_S) -> None:
        self._listeners = listeners
        self._listener = listeners.join(first)
        super().__init__(
            _sent(self._listener, beat_s),
            media_type=MEDIA_TYPE,
            # The latter is for nginx, which else collects them.
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it is let go, or hangs up."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listeners.leave(self._listener)


async def _sent(listener: Listener, beat_s: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(beat_s):
                event = await listener.waiting.get()
        except TimeoutError:
            yield _BEAT
            continue
        if event is None:
            return
        yield event.encode()
