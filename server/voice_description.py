"""What the interface's description tells of the voice socket: OpenAPI has no WebSockets."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from server.access import Access
from server.config import Config
from server.keys import Scope
from server.problems import Problem
from server.voice_messages import MAX_MESSAGE_BYTES, MAX_SOUND_BYTES


def add(routes: APIRouter, path: str, config: Config, guard: Access, max_utterances: int) -> None:
    """Describe the socket at ``path`` as the GET that opens it, and refuse that without Upgrade."""

    @routes.get(
        path,
        status_code=HTTPStatus.SWITCHING_PROTOCOLS,
        response_class=Response,
        dependencies=[guard.needs(Scope.PUBLISH)],
        description=_protocol(config, max_utterances),
        responses={
            101: {"description": "The socket is open; what refuses it then is its close code"},
            426: {
                "description": "It was not asked for a WebSocket",
                "headers": {"Upgrade": {"schema": {"type": "string"}}},
            },
        },
    )
    async def speak(name: str) -> None:
        raise Problem(
            HTTPStatus.UPGRADE_REQUIRED,
            "upgrade-required",
            "found a request without Upgrade, expected a WebSocket (RFC 6455): /openapi.json tells"
            f" how to give {name!r} its voice by it",
            # RFC 9110 section 7.8: whoever sends Upgrade names it in Connection.
            {"Connection": "Upgrade", "Upgrade": "websocket"},
        )


def _protocol(config: Config, max_utterances: int) -> str:
    limits = config.limits
    return f"""\
Speak through an avatar by a WebSocket, faster than real time. It goes live by this.

Text frames are JSON of at most {MAX_MESSAGE_BYTES} bytes. Binary frames are sound, of at most
{MAX_SOUND_BYTES} bytes: PCM, signed 16 bit, little-endian, mono.

You send `{{"type": "start", "sample_rate": 24000}}` first, or 16000 or 48000; pages in a browser
add `"key"`. Then sound; `{{"type": "end"}}` after an utterance; `{{"type": "clear"}}` to cut it
off.

You receive `ready`; of each utterance `playback_started` (utterance) and `playback_finished`
(utterance, position_ms, interrupted); and `error` (code, message) before the server closes.

It closes with 1001 when the avatar is ended, 1008 for what is not of this protocol and where more
than {config.performance.max_speech_s:g} s of speech or {max_utterances} utterances wait, 1009 for a
frame that is too large, 1011 for a fault of its own, 1013 when no place is free or you do not read,
4401 and 4403 for keys, 4404 when there is no such avatar, 4408 after
{config.call.idle_timeout_s:g} s without a message, 4409 when another speaks through it, 4422
when its picture cannot be used any more, and 4429 for more sockets from one address than
{limits.calls_burst} at once and {limits.calls_per_minute:g} a minute."""
