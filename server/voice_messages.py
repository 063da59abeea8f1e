"""Every message of the voice socket, see ``voice_socket``. Sound travels as binary frames.

One message is one JSON object in one text frame, named by its ``type``.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

MAX_MESSAGE_BYTES = 4096
MAX_SOUND_BYTES = 256 * 1024
"""Of one binary frame: 2.7 s at 48 kHz."""

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Start:
    """Client, first: binary frames will be PCM, signed 16 bit, little-endian, mono.

    ``key`` is for who cannot set the header ``Authorization``: pages in a browser.
    """

    sample_rate: Literal[16_000, 24_000, 48_000]
    key: Annotated[str, Field(max_length=200)] | None = None
    type: Literal["start"] = "start"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class End:
    """Client: the utterance is complete; sound that follows begins another. None: no matter."""

    type: Literal["end"] = "end"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Clear:
    """Client: fall silent at once, and forget all that is not spoken yet (barge-in)."""

    type: Literal["clear"] = "clear"


ClientMessage = Annotated[Start | End | Clear, Field(discriminator="type")]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Ready:
    """Server: the answer to ``Start``; the socket is the avatar's voice from now on."""

    type: Literal["ready"] = "ready"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PlaybackStarted:
    """Server: the first sound of an utterance has left. Utterances count from 1."""

    utterance: int
    type: Literal["playback_started"] = "playback_started"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PlaybackFinished:
    """Server: the last sound of an utterance has left, ``position_ms`` after its first.

    ``interrupted``: it was cut off there by ``Clear``; at 0 without ever having started.
    """

    utterance: int
    position_ms: float
    interrupted: bool
    type: Literal["playback_finished"] = "playback_finished"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Error:
    """Server: the last message before it closes the socket.

    ``code`` is for programs: "invalid-message", "too-much-speech", or what the HTTP interface
    calls the same problem, such as "voice-taken". ``message`` is for people.
    """

    code: str
    message: str
    type: Literal["error"] = "error"


ServerMessage = Ready | PlaybackStarted | PlaybackFinished | Error

_CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
_MESSAGE: TypeAdapter[ClientMessage | ServerMessage] = TypeAdapter(ClientMessage | ServerMessage)
_SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(
    Annotated[ServerMessage, Field(discriminator="type")]
)


class MessageError(ValueError):
    """A text frame that is no message; says what was found."""


def parse(text: str) -> ClientMessage:
    """The message of a client. Raises MessageError."""
    size_bytes = len(text.encode())
    if size_bytes > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"found a message of {size_bytes} bytes, expected at most {MAX_MESSAGE_BYTES}"
        )
    try:
        return _CLIENT_MESSAGE.validate_json(text)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'message'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise MessageError(f"not a valid message: {found}") from error


def parse_answer(text: str) -> ServerMessage:
    """The message of a server, for clients. Raises pydantic's ValidationError (a ValueError)."""
    return _SERVER_MESSAGE.validate_json(text)


def serialize(message: ClientMessage | ServerMessage) -> str:
    """JSON text of ``message``."""
    return _MESSAGE.dump_json(message, exclude_none=True).decode()
