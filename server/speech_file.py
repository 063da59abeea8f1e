"""A recording that is sent to be spoken: received, decoded beside the event loop, and bounded."""

import asyncio
import io
from collections.abc import Iterator
from http import HTTPStatus
from typing import BinaryIO

import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from server.body import media_type, read_body
from server.config import SpeechConfig
from server.problems import Problem
from server.recording import AudioFileError, Recording

# FFmpeg's demuxer for each; it must not guess: playlists make it open other files and addresses.
DEMUXERS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/mp4": "mp4",
    "audio/x-m4a": "mp4",
    "audio/webm": "webm",
    "audio/aac": "aac",
}

_MAX_RECEIVING = 4
_RETRY_AFTER_S = 2
# Who sends no faster than this would hold a place that others wait for.
_RECEIVE_TIMEOUT_S = 60


class SpeechFiles:
    """Receives and decodes; so few at once that they do not take all memory, nor all cores."""

    def __init__(self, config: SpeechConfig) -> None:
        self._config = config
        self._receiving = 0
        self._one_by_one = asyncio.Lock()

    async def receive(self, request: Request) -> NDArray[np.int16]:
        """Return the sound of the body of ``request``, (samples,) at 48 kHz.

        Raises Problem: 415 a media type that is not one of DEMUXERS; 408 too slow; 413 too many
        bytes, or seconds; 422 not what its type says, damaged, or without sound; 503 with
        Retry-After when many others are sent.
        """
        found = media_type(request)
        if found not in DEMUXERS:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                f"found Content-Type {found or '(none)'}, expected application/json or one of"
                f" {', '.join(sorted(DEMUXERS))}",
            )
        if self._receiving >= _MAX_RECEIVING:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "recordings-busy",
                f"{self._receiving} recordings are being sent: try again in {_RETRY_AFTER_S} s",
                {"Retry-After": str(_RETRY_AFTER_S)},
            )
        self._receiving += 1
        try:
            async with asyncio.timeout(_RECEIVE_TIMEOUT_S):
                body = await read_body(request, "audio/*", self._config.max_recording_bytes)
            async with self._one_by_one:
                return await asyncio.to_thread(
                    _decode, io.BytesIO(body), DEMUXERS[found], self._config.max_recording_s
                )
        except TimeoutError as error:
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT,
                "upload-too-slow",
                f"the recording was not here after {_RECEIVE_TIMEOUT_S} s: send a shorter one",
            ) from error
        finally:
            self._receiving -= 1


def _decode(body: BinaryIO, demuxer: str, max_s: float) -> NDArray[np.int16]:
    try:
        recording = Recording(body, name="the body", demuxer=demuxer)
        pcm = np.concatenate(list(_bounded(recording, max_s)))
    except AudioFileError as error:
        raise _unusable(str(error)) from error
    if recording.damage is not None:
        raise _unusable(f"the recording cannot be spoken whole, {recording.damage}: send it again")
    return pcm


def _bounded(recording: Recording, max_s: float) -> Iterator[NDArray[np.int16]]:
    for chunk in recording.chunks():
        if recording.read_s > max_s:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "recording-too-long",
                f"found a recording of more than {max_s:g} s, expected at most that: send it in"
                " parts",
            )
        yield chunk[:, 0]


def _unusable(reason: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-recording", reason)
