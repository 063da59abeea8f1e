"""Every message of the ``control`` data channel; mirrored by ``client_web/messages.js``.

One message is one JSON object in one text message, named by its ``type``. The browser opens the
channel (label ``control``, ordered, reliable). An invalid message is answered by ``Error`` and
changes nothing: the session goes on.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

CHANNEL_LABEL = "control"
MAX_MESSAGE_BYTES = 4096

ExpressionName = Literal["neutral", "happy", "sad", "angry", "surprised"]
UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Expression:
    """Browser: show this expression, ``strength`` in 0..1."""

    name: ExpressionName
    strength: UnitInterval
    type: Literal["expression"] = "expression"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HeadMotion:
    """Browser: how lively the head moves, ``speed`` in 0..1 (0 = nearly still)."""

    speed: UnitInterval
    type: Literal["head_motion"] = "head_motion"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Pause:
    """Browser: hear silence instead of the microphone; the avatar rests but goes on living."""

    paused: bool
    type: Literal["pause"] = "pause"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SelectPortrait:
    """Browser: go on with a portrait of ``/v1/portraits``, or an avatar of ``/v1/avatars``.

    ``id`` may be an avatar's name: its settings are applied too.
    """

    id: Annotated[str, Field(min_length=1, max_length=64)]
    type: Literal["portrait"] = "portrait"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Record:
    """Browser: begin or stop recording the call on the server; answered by ``Recording``."""

    active: bool
    type: Literal["record"] = "record"


ClientMessage = Annotated[
    Expression | HeadMotion | Pause | SelectPortrait | Record,
    Field(discriminator="type"),
]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Ready:
    """Server: the channel is open; ``session`` is the id found in the server's logs."""

    session: str
    type: Literal["ready"] = "ready"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Stats:
    """Server, once a second. Counters are totals of the session.

    ``fps`` new pictures sent per second over the last second; ``microphone_packet_ms`` the length
    of packet that the browser was asked for: sound waits until one is full; ``av_skew_ms`` picture
    time minus sound time at sending, positive = picture late; ``compute_ms`` what the last hop took
    (waiting, motion, drawing and coding its pictures); ``num_steps`` denoising steps now in use;
    ``painted`` whether the mouth is painted now, or only warped; ``halved`` whether pictures are
    drawn at half their size, and enlarged; ``rung`` 0 while pictures have their full bitrate, and
    1 more for each time that the network made it half.
    """

    fps: float
    late_frames: int
    repeated_frames: int
    dropped_frames: int
    playout_delay_ms: float
    microphone_packet_ms: float
    av_skew_ms: float
    num_steps: int
    painted: bool
    halved: bool
    rung: int
    compute_ms: float
    type: Literal["stats"] = "stats"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PortraitSelected:
    """Server: the pictures that follow show this portrait."""

    id: str
    type: Literal["portrait"] = "portrait"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Recording:
    """Server: the call is recorded from now on, or is no more.

    When it is not ``active``, ``GET /v1/recordings/{id}`` gives the file, if there was a picture.
    """

    active: bool
    id: str
    type: Literal["recording"] = "recording"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Error:
    """Server: something was refused; after a ``fatal`` error the call ends.

    ``code`` is for programs: "invalid-message", "inference-failed", or what the HTTP interface
    calls the same problem, such as "unknown-portrait". ``message`` is for people.
    """

    code: str
    message: str
    fatal: bool
    type: Literal["error"] = "error"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Ended:
    """Server: the last message of a call, and why it ended."""

    reason: str
    type: Literal["ended"] = "ended"


ServerMessage = Ready | Stats | PortraitSelected | Recording | Error | Ended

_CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
_SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)


class MessageError(ValueError):
    """A data-channel message that is not one of ``ClientMessage``; says what was found."""


def parse(data: str | bytes) -> ClientMessage:
    """The message in ``data``, as the data channel delivered it.

    Raises MessageError: binary, longer than MAX_MESSAGE_BYTES, not JSON, unknown ``type``, a
    missing or unknown field, a value out of range.
    """
    if isinstance(data, bytes):
        raise MessageError(
            f"found a binary message of {len(data)} bytes, expected a text message with JSON"
        )
    size_bytes = len(data.encode())
    if size_bytes > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"found a message of {size_bytes} bytes, expected at most {MAX_MESSAGE_BYTES}"
        )
    try:
        return _CLIENT_MESSAGE.validate_json(data)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'message'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise MessageError(f"not a valid message: {found}") from error


def serialize(message: ServerMessage) -> str:
    """JSON text of ``message``, for the data channel."""
    return _SERVER_MESSAGE.dump_json(message).decode()
