"""Structured logs: one JSON object a line, with the session's id wherever there is a session."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

_session_id: ContextVar[str | None] = ContextVar("session_id", default=None)

# Everything a LogRecord has of its own; the rest came by `extra=`.
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # of uvicorn: its message once more, for terminals
}


def bind_session(session_id: str) -> None:
    """Mark what the current task, and the tasks it starts, will log as this session's."""
    _session_id.set(session_id)


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "logger", "message", "session"?, extras..., "exception"?}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        session_id = _session_id.get()
        if session_id is not None:
            entry["session"] = session_id
        entry.update(
            {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
        )
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Send all logs of the process to ``stream`` as JSON lines from ``level`` up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # They tell of every ICE candidate pair, and of every address with what is secret in it, at
    # "info".
    for name in ("aioice", "aiortc", "httpcore", "httpx", "uvicorn.access"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
