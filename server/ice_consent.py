"""Consent to send (RFC 7675), and who need not ask for it: a connection that only listens.

Section 5.1 of the RFC wants it of those who send application data. FFmpeg's WHIP asks for our
consent, but never answers when it is asked for its own (as of 9.0); aioice would hang up on it
after 30 s. Who listens must find out by itself when the other end has gone.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import aioice

EXPIRY_S = 30.0
"""After this time without a sign of the other end, consent has expired (RFC 7675 section 5.1)."""

_only_listens = ContextVar("only_listens", default=False)
_query_consent = aioice.Connection.query_consent


@contextlib.contextmanager
def not_asked_for() -> Iterator[None]:
    """What is connected within never asks for consent."""
    token = _only_listens.set(True)
    try:
        yield
    finally:
        _only_listens.reset(token)


async def _query_if_needed(connection: aioice.Connection) -> None:
    # A connection's tasks inherit the context in which it was made.
    if not _only_listens.get():
        await _query_consent(connection)


def install() -> None:
    """Let aioice heed ``not_asked_for``: it has no option for it, but one method to override."""
    aioice.Connection.query_consent = _query_if_needed  # type: ignore[assignment]
