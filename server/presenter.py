"""What one avatar is given to say: sentences in order, each made into sound before its turn."""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from server.listeners import Event, Listeners
from server.performance import Performance, Source, SpeechEvent
from server.problems import Problem
from server.speech import Batch, Sentence, Speech, State
from server.tts import SpeechError, unspeakable

logger = logging.getLogger(__name__)

# So much sound is made before its turn: enough for a slow speech server, little to throw away.
_AHEAD_MS = 15_000
_PIECE_MS = 500
_RETRY_AFTER_S = 2
_BROKEN = SpeechError(
    HTTPStatus.BAD_GATEWAY, "speech-failed", "the voice failed: the server's log tells why"
)


class Presenter:
    """The queue of one avatar. It has the avatar's voice while there is anything in it.

    Tells ``listeners`` the events queued, started, ended, failed, paused and stopped. Used on the
    event loop; the task that makes the sound is its own: end it with ``stop``. It ends by itself
    when it is paused for ``max_pause_s``: it keeps the performance, and others, from their places.
    """

    def __init__(
        self, name: str, max_sentences: int, max_speech_ms: float, max_pause_s: float
    ) -> None:
        self.name = name
        self.listeners = Listeners()
        self.sentences: deque[Sentence] = deque()
        self._max_sentences = max_sentences
        self._max_speech_ms = max_speech_ms
        self._max_pause_s = max_pause_s
        self._ahead_ms = min(_AHEAD_MS, max_speech_ms)
        self._performance: Performance | None = None
        self._voice: Source | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._forgotten: asyncio.TimerHandle | None = None

    @property
    def is_paused(self) -> bool:
        """Whether it keeps silent though there is something to say."""
        return self._performance is not None and self._performance.is_paused

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to say."""
        return self._task is None

    def may_be_silenced(self, may_use: Callable[[str | None], bool]) -> bool:
        """Whether one who ``may_use`` what some owners have may stop and pause it.

        For that, the performance must be theirs, or all that is to be said.
        """
        if self._performance is None or may_use(self._performance.owner):
            return True
        return all(may_use(sentence.batch.owner) for sentence in self.sentences)

    def describe(self) -> dict[str, object]:
        """Tell the queue and its state, for JSON."""
        return {
            "paused": self.is_paused,
            "sentences": [
                {"id": s.id, "text": s.speech.text, "state": s.state.value} for s in self.sentences
            ],
        }

    def say(
        self, performance: Performance, speeches: Sequence[Speech], owner: str | None = None
    ) -> list[Sentence]:
        """Put ``speeches`` of the key ``owner``, one at least, at the end of the queue.

        Raises Problem: 409 the avatar speaks for somebody else, 503 the queue is full.
        """
        self._check_room(speeches)
        if self._task is None:
            self._begin(performance)
        batch = Batch(owner)
        added = [Sentence(secrets.token_urlsafe(8), speech, batch) for speech in speeches]
        for sentence in added:
            self.sentences.append(sentence)
            self._tell("queued", sentence, text=sentence.speech.text)
        self._changed.set()
        return added

    def pause(self, paused: bool) -> None:
        """Keep silent, or go on in the middle of the sentence. Raises Problem 409 when idle."""
        if self._performance is None:
            raise Problem(
                HTTPStatus.CONFLICT,
                "nothing-to-say",
                f"the avatar {self.name!r} has nothing to say: there is nothing to pause",
            )
        self._performance.pause(paused)
        if self._forgotten is not None:
            self._forgotten.cancel()
            self._forgotten = None
        if paused:
            loop = asyncio.get_running_loop()
            self._forgotten = loop.call_later(self._max_pause_s, self._stop_forgotten)
        self.listeners.tell(Event("paused", {"paused": paused}))

    def stop(self) -> None:
        """Fall silent at once and forget the queue."""
        if self._task is not None:
            self._task.cancel()
            self._finish(self._task)

    def _stop_forgotten(self) -> None:
        detail = f"the avatar was paused for {self._max_pause_s:g} s: say again what is left"
        logger.info("a paused queue is stopped", extra={"avatar": self.name, "reason": detail})
        self.listeners.tell(Event("stopped", {"code": "idle", "detail": detail}))
        self.stop()

    def _check_room(self, speeches: Sequence[Speech]) -> None:
        if len(self.sentences) + len(speeches) > self._max_sentences:
            raise _full(
                f"{len(self.sentences)} sentences wait and {len(speeches)} came, expected at most"
                f" {self._max_sentences} together: send them later"
            )
        waiting_ms = sum(sentence.speech.recorded_ms for sentence in self.sentences)
        added_ms = sum(speech.recorded_ms for speech in speeches)
        # One by itself is as long as recordings may be.
        if waiting_ms and added_ms and waiting_ms + added_ms > self._max_speech_ms:
            raise _full(
                f"{waiting_ms / 1000:.1f} s of recordings wait and {added_ms / 1000:.1f} s came,"
                f" expected at most {self._max_speech_ms / 1000:g} s together: send them later"
            )

    def _begin(self, performance: Performance) -> None:
        self._voice = performance.take_voice("the presenter")
        self._performance = performance
        performance.on_speech.add(self._on_speech)
        performance.on_end.add(self.stop)
        self._task = asyncio.create_task(self._present(performance), name=f"presenter {self.name}")
        self._task.add_done_callback(_log_failure)

    async def _present(self, performance: Performance) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._say_all(performance)
        except Exception:
            # Who waits for the first sound must not take this for it.
            for sentence in self.sentences:
                sentence.batch.settle(_BROKEN)
            raise
        finally:
            self._finish(task)

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Give the voice back; once, and not for a task whose place another has taken."""
        if self._task is not task or self._voice is None or self._performance is None:
            return
        if self._performance.is_paused:
            self.pause(False)
        # What is in it is told to be interrupted.
        self._voice.release()
        self._performance.on_speech.discard(self._on_speech)
        self._performance.on_end.discard(self.stop)
        while self.sentences:
            self._end(self.sentences[0], position_ms=0.0, interrupted=True)
        self._task = self._performance = self._voice = None

    async def _say_all(self, performance: Performance) -> None:
        while self.sentences:
            self._changed.clear()
            waiting = next((s for s in self.sentences if s.state is State.WAITING), None)
            if waiting is None:
                await self._changed.wait()
                continue
            try:
                await self._make(performance, waiting)
            except SpeechError as error:
                self._fail(performance, waiting, error)

    async def _make(self, performance: Performance, sentence: Sentence) -> None:
        """Give the performance the sound of ``sentence``. Raises SpeechError."""
        sample_rate = 0
        async with contextlib.aclosing(sentence.speech.sound()) as pieces:
            async for rate, pcm in pieces:
                if not len(pcm):
                    continue
                if not sample_rate:
                    sample_rate = rate
                    performance.begin_utterance(sentence.id, sample_rate)
                    sentence.state = State.READY
                    # Before it is fed, which takes about as long as it is heard.
                    sentence.batch.settle()
                await self._feed(performance, pcm, sample_rate)
        if not sample_rate:
            raise unspeakable(sentence.speech.text or "the recording")
        pause = np.zeros(sample_rate * sentence.speech.pause_ms // 1000, np.int16)
        await self._feed(performance, pause, sample_rate)
        performance.end_utterance()

    async def _feed(
        self, performance: Performance, pcm: NDArray[np.int16], sample_rate: int
    ) -> None:
        """Push ``pcm`` as fast as there is room for it, which comes as fast as it is spoken."""
        piece = sample_rate * _PIECE_MS // 1000
        for start in range(0, len(pcm), piece):
            # No event tells it: room comes as time goes by, unless it is paused.
            while performance.queued_ms > self._ahead_ms - _PIECE_MS:  # noqa: ASYNC110
                await asyncio.sleep(_PIECE_MS / 1000)
            performance.say(pcm[start : start + piece])

    def _fail(self, performance: Performance, failed: Sentence, error: SpeechError) -> None:
        """Give up what was asked for together: a text with a hole would say something else.

        What of it is sound already is still heard.
        """
        logger.warning("speech failed", extra={"avatar": self.name, "reason": error.detail})
        failed.batch.settle(error)
        for sentence in [s for s in self.sentences if s.batch is failed.batch]:
            if sentence.state is State.WAITING:
                self.sentences.remove(sentence)
            elif sentence is failed:
                performance.end_utterance()
            else:
                continue
            self._tell("failed", sentence, code=error.code, detail=error.detail)

    def _on_speech(self, event: SpeechEvent) -> None:
        sentence = next((s for s in self.sentences if s.id == event.utterance), None)
        if sentence is None:
            return
        if event.is_end:
            self._end(sentence, event.position_ms, event.interrupted)
        else:
            sentence.state = State.SPEAKING
            self._tell("started", sentence, text=sentence.speech.text)

    def _end(self, sentence: Sentence, position_ms: float, interrupted: bool) -> None:
        self.sentences.remove(sentence)
        sentence.batch.settle()
        self._changed.set()
        self._tell("ended", sentence, position_ms=round(position_ms), interrupted=interrupted)

    def _tell(self, kind: str, sentence: Sentence, **data: object) -> None:
        self.listeners.tell(Event(kind, {"id": sentence.id, **data}))


def _full(detail: str) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "speech-queue-full",
        detail,
        {"Retry-After": str(_RETRY_AFTER_S)},
    )


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a presenter failed", exc_info=error)
