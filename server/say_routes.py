"""``/v1/avatars/{name}/say``: give an avatar something to say; ``/events``: hear how it goes."""

from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from server import access, problems, rate_limit
from server.access import Access
from server.body import JSON, described_json, media_type, read_json
from server.keys import Scope
from server.listeners import MAX_LISTENERS, MEDIA_TYPE, Event, EventResponse
from server.presenter import Presenter
from server.presenters import Presenters
from server.services import Services
from server.speech import Sentence, Speech
from server.speech_file import DEMUXERS, SpeechFiles
from server.tts import Spoken
from streaming.rates import VOICE_RATE, samples_to_ms

_PATH = "/v1/avatars/{name}/say"
# JSON can write one character as two escapes of 6 bytes each.
_MAX_BYTES_PER_CHAR = 12
_MAX_OTHER_BYTES = 1000


class Words(BaseModel):
    """What to say, in which voice (the usual one if not told), and how long to be silent then."""

    model_config = ConfigDict(extra="forbid")

    text: str
    voice: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    pause_ms: Annotated[int, Field(ge=0, le=60_000)] = 0


class SentenceInfo(BaseModel):
    """One sentence of the queue: waiting, ready or speaking. ``text`` null: a recording."""

    id: str
    text: str | None
    state: str


class Queued(BaseModel):
    """What was added to the queue."""

    sentences: list[SentenceInfo]


class Queue(Queued):
    """What is still to be said, in order, the sentence that is heard now included."""

    paused: bool


class Pause(BaseModel):
    """Whether to keep silent."""

    model_config = ConfigDict(extra="forbid")

    paused: bool


def router(presenters: Presenters, services: Services, guard: Access) -> APIRouter:
    """The routes. Who watches an avatar may also read along."""
    routes = APIRouter(tags=["presenter"], responses=access.REFUSALS)
    may_speak = guard.needs(Scope.PUBLISH)
    limits = services.config.limits
    not_too_often = rate_limit.limited(
        "speeches", limits.speeches_per_minute, limits.speeches_burst, services.metrics
    )
    speech = services.config.speech
    files = SpeechFiles(speech)
    max_words_bytes = speech.max_text_chars * _MAX_BYTES_PER_CHAR + _MAX_OTHER_BYTES
    words: dict[str, Any] = Words.model_json_schema()
    words["properties"]["text"]["maxLength"] = speech.max_text_chars
    recording = {"type": "string", "format": "binary", "maxLength": speech.max_recording_bytes}

    async def own(request: Request, name: str) -> Presenter:
        presenter = await presenters.get(name)
        if not presenter.may_be_silenced(lambda owner: access.may_use(request, owner)):
            raise access.not_yours("what is said")
        return presenter

    @routes.post(
        _PATH,
        status_code=HTTPStatus.ACCEPTED,
        dependencies=[may_speak, not_too_often],
        openapi_extra={
            "requestBody": {
                "description": f"A text of at most {speech.max_text_chars} characters, or a"
                f" recording of at most {speech.max_recording_bytes} bytes and"
                f" {speech.max_recording_s:g} s",
                "content": {
                    JSON: {"schema": words},
                    **{kind: {"schema": recording} for kind in sorted(DEMUXERS)},
                },
                "required": True,
            }
        },
        responses={
            **problems.refusals(400, 404, 408),
            409: {"description": "The avatar speaks for somebody else"},
            413: {"description": "Too many bytes, or too long a recording"},
            415: {"description": "Neither JSON nor a recording"},
            422: {"description": "Nothing that can be spoken"},
            502: {"description": "The speech server failed"},
            503: problems.come_back("The queue or the server is full, or the speech server away"),
            **rate_limit.refusals(limits.speeches_per_minute, limits.speeches_burst),
        },
    )
    async def say(request: Request, name: str) -> Queued:
        """Say a text, sentence by sentence, or a recording, after what is queued already.

        The avatar becomes live if it is not. Of a text that cannot be made into sound, nothing
        more is said.
        """
        if media_type(request) == JSON:
            words = await read_json(request, Words, max_words_bytes)
            speeches = presenters.speeches(words.text, words.voice, words.pause_ms)
        else:
            pcm = await files.receive(request)
            recorded_ms = samples_to_ms(len(pcm))
            speeches = [Speech(None, lambda: _recorded(pcm), recorded_ms=recorded_ms)]
        sentences = await presenters.say(name, speeches, access.owner(request))
        return Queued(sentences=[_info(sentence) for sentence in sentences])

    @routes.get(_PATH, dependencies=[may_speak], responses=problems.refusals(404))
    async def show(name: str) -> Queue:
        """Show what is still to be said."""
        presenter = await presenters.get(name)
        return Queue(sentences=[_info(s) for s in presenter.sentences], paused=presenter.is_paused)

    @routes.delete(
        _PATH,
        status_code=HTTPStatus.NO_CONTENT,
        dependencies=[may_speak],
        responses=problems.refusals(404),
    )
    async def stop(request: Request, name: str) -> Response:
        """Fall silent at once, and forget the queue.

        Only with the key that began the performance, or all that is queued, or with an admin's.
        """
        (await own(request, name)).stop()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.put(
        _PATH + "/pause",
        dependencies=[may_speak],
        openapi_extra=described_json(Pause),
        responses={
            **problems.refusals(400, 404, 408, 413, 415, 422),
            409: {"description": "It has nothing to say"},
        },
    )
    async def pause(request: Request, name: str) -> Pause:
        """Keep silent, or go on in the middle of the sentence. With the keys that may stop it."""
        wish = await read_json(request, Pause)
        (await own(request, name)).pause(wish.paused)
        return wish

    @routes.get(
        "/v1/avatars/{name}/events",
        response_class=Response,
        dependencies=[guard.needs(Scope.VIEW, Scope.PUBLISH)],
        responses={
            200: {"content": {MEDIA_TYPE: {}}},
            **problems.refusals(404),
            503: problems.come_back(f"{MAX_LISTENERS} listen already"),
        },
    )
    async def events(name: str) -> Response:
        """Hear as server-sent events how the queue is said.

        First `queue`, as GET say shows it; then `queued` (id, text), `started` (id, text), `ended`
        (id, position_ms, interrupted), `failed` (id, code, detail), `paused` (paused), `stopped`
        (code, detail) before all of it is interrupted that was paused for too long.
        """
        presenter = await presenters.get(name)
        presenters.expect_speech()
        return EventResponse(presenter.listeners, Event("queue", presenter.describe()))

    return routes


async def _recorded(pcm: NDArray[np.int16]) -> Spoken:
    yield VOICE_RATE, pcm


def _info(sentence: Sentence) -> SentenceInfo:
    return SentenceInfo(id=sentence.id, text=sentence.speech.text, state=sentence.state.value)
