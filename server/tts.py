"""What turns text into speech: the built-in voice, or a server that has others."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.problems import Problem

Spoken = AsyncGenerator[tuple[int, NDArray[np.int16]], None]
"""Pieces of a sentence as they come: (sample rate in Hz, which stays; (samples,))."""


class SpeechError(Problem):
    """Text could not be spoken. 422: this text or voice never can; 502 or 503: not now."""


class Synthesizer(Protocol):
    """Speaks one sentence at a time, off the event loop."""

    def speak(self, text: str, voice: str | None) -> Spoken:
        """Yield the sound of ``text``; ``voice`` None: the usual one. Raises SpeechError."""

    async def warm_up(self) -> None:
        """Load what is needed, if anything, so that the first sentence does not wait for it."""

    async def aclose(self) -> None:
        """End its threads and connections."""


def unspeakable(text: str) -> SpeechError:
    """Return the error for text that came out without a sound."""
    return SpeechError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "unspeakable-text",
        f"the voice has no sound for {text[:40]!r}: write it in a language that the voice speaks",
    )
