"""The built-in English voice: hibari, a small model that its package brings along."""

import asyncio
import logging
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.tts import SpeechError, Spoken, unspeakable

logger = logging.getLogger(__name__)

VOICE = "heart"
SAMPLE_RATE = 24_000
# The model breathes for 0.3 s before it speaks: the listener waits for that.
_LEAD_MS = 40
_SILENCE = 0.01
# What its reading of text, which has no class of errors, raises on text that it cannot read.
_NOT_READ = (ValueError, LookupError, TypeError, ArithmeticError)


def _is_foreign(letter: str) -> bool:
    # Raised, wide and joined forms are Latin, too; an apostrophe may pass for a letter.
    plain = unicodedata.normalize("NFKC", letter)[0]
    is_letter = letter.isalpha() and unicodedata.category(letter) != "Lm"
    return is_letter and not unicodedata.name(plain, "").startswith("LATIN")


class _Model(Protocol):
    def __call__(self, text: str, *, seed: int) -> NDArray[np.float32]: ...


class BuiltInVoice:
    """See Synthesizer. Its model is loaded when it is first needed: about 1 s, and 170 MB."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="speech")
        self._model: _Model | None = None

    async def speak(self, text: str, voice: str | None) -> Spoken:
        """See Synthesizer; one sentence comes as one piece, within tens of milliseconds."""
        # The package would download others.
        if voice not in (None, VOICE):
            raise SpeechError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "unknown-voice",
                f"found the voice {voice!r}, expected {VOICE!r}, the only one that is built in:"
                " others need a speech server (speech.url)",
            )
        # It leaves some of them out, and reads others as if they were English.
        if foreign := [letter for letter in text if _is_foreign(letter)]:
            raise unspeakable("".join(foreign))
        loop = asyncio.get_running_loop()
        try:
            pcm = await loop.run_in_executor(self._worker, self._speak, text)
        except _NOT_READ as error:
            # Numbers without a name, for one: the package has no error of its own for them.
            logger.warning("the voice cannot read a text", exc_info=error)
            raise unspeakable(text) from error
        yield SAMPLE_RATE, pcm

    async def warm_up(self) -> None:
        """See Synthesizer."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._load)

    async def aclose(self) -> None:
        """See Synthesizer; what is spoken now is finished first."""
        await asyncio.to_thread(self._worker.shutdown, cancel_futures=True)

    def _load(self) -> _Model:
        if self._model is None:
            start_s = time.perf_counter()
            from hibari import Hibari

            model: _Model = Hibari(voice=VOICE, threads=1)
            model("Ready.", seed=0)
            self._model = model
            logger.info("voice loaded", extra={"seconds": round(time.perf_counter() - start_s, 2)})
        return self._model

    def _speak(self, text: str) -> NDArray[np.int16]:
        samples = self._load()(text, seed=0)
        audible = np.flatnonzero(np.abs(samples) > _SILENCE)
        if not len(audible):
            return np.zeros(0, np.int16)
        start = max(0, audible[0] - _LEAD_MS * SAMPLE_RATE // 1000)
        pcm: NDArray[np.int16] = (np.clip(samples[start:], -1, 1) * 32_767).astype(np.int16)
        return pcm
