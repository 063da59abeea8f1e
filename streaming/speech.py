"""Speech that comes faster than it is spoken, handed on at the pace of a microphone."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE
from streaming.resample import VoiceResampler

PACKET_MS = 20
RATES = (16_000, 22_050, 24_000, 44_100, 48_000)
"""Hz of speech; all have whole packets."""
_SAMPLE_BYTES = 2


class SpeechOverflowError(ValueError):
    """More speech is queued than may be."""


@dataclass(frozen=True, eq=False)
class SpeechPacket:
    """20 ms of one utterance.

    pcm: (960,) int16 at 48 kHz, the last packet filled up with silence. is_first, is_last: within
    its utterance; all of an utterance that is not ended yet may be packed without a last one.
    """

    utterance: str
    pcm: NDArray[np.int16]
    is_first: bool
    is_last: bool


@dataclass
class _Utterance:
    """``waiting`` is PCM as it came: one buffer, so that small pieces cost no more than large."""

    id: str
    sample_rate: int
    resampler: VoiceResampler | None = None
    waiting: bytearray = field(default_factory=bytearray)
    ready: NDArray[np.int16] = field(default_factory=lambda: np.empty(0, np.int16))
    is_empty: bool = True
    ended: bool = False
    begun: bool = False

    def waiting_ms(self, more_samples: int = 0) -> float:
        samples = len(self.waiting) / _SAMPLE_BYTES + more_samples
        ms = 1000 * (samples / self.sample_rate + len(self.ready) / VOICE_RATE)
        return max(ms, PACKET_MS)

    def prepare(self) -> None:
        """Make a packet ready, as far as there is sound for it."""
        size_bytes = self.sample_rate * PACKET_MS // 1000 * _SAMPLE_BYTES
        while len(self.ready) < VOICE_CHUNK_SAMPLES and self.waiting:
            piece = np.frombuffer(bytes(self.waiting[:size_bytes]), np.int16)
            del self.waiting[:size_bytes]
            self._add(self._resample(piece))
        if self.ended and not self.waiting and self.resampler is not None:
            self._add(self.resampler.drain())
            self.resampler = None

    def _resample(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        if self.sample_rate == VOICE_RATE:
            return pcm
        # Made when it is needed: it is larger than a short utterance.
        self.resampler = self.resampler or VoiceResampler(self.sample_rate)
        return self.resampler.resample(pcm)

    def _add(self, pcm: NDArray[np.int16]) -> None:
        self.ready = np.concatenate([self.ready, pcm])


class SpeechQueue:
    """Utterances in the order in which they began; at most `max_ms` of them.

    Each counts as a packet at least, so that their number is bounded too.
    """

    def __init__(self, max_ms: float) -> None:
        self._max_ms = max_ms
        self._utterances: deque[_Utterance] = deque()

    @property
    def queued_ms(self) -> float:
        """How much speech waits."""
        return sum(utterance.waiting_ms() for utterance in self._utterances)

    def begin(self, utterance: str, sample_rate: int) -> None:
        """Begin an utterance; the one before it is ended. Raises ValueError for another rate."""
        if sample_rate not in RATES:
            known = ", ".join(str(rate) for rate in RATES)
            raise ValueError(f"found speech at {sample_rate} Hz, expected one of {known}")
        self.end()
        self._utterances.append(_Utterance(utterance, sample_rate))

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Add (samples,) to the utterance that began last.

        Raises SpeechOverflowError when that would be more than `max_ms`: nothing is added then;
        ValueError when no utterance has begun, or it has ended.
        """
        if not self._utterances or self._utterances[-1].ended:
            raise ValueError("found speech outside an utterance, expected `begin` first")
        last = self._utterances[-1]
        queued_ms = self.queued_ms - last.waiting_ms() + last.waiting_ms(len(pcm))
        if queued_ms > self._max_ms:
            raise SpeechOverflowError(
                f"{queued_ms:.0f} ms of speech wait to be spoken, expected at most"
                f" {self._max_ms:.0f}: send it later"
            )
        last.waiting += pcm.tobytes()
        last.is_empty = last.is_empty and not len(pcm)

    def end(self) -> None:
        """End the utterance that began last, if there is one: what is left of it is its last."""
        if self._utterances:
            self._utterances[-1].ended = True

    def clear(self) -> list[str]:
        """Forget all that waits; return the utterances that are not spoken to their end."""
        cut = [u.id for u in self._utterances]
        self._utterances.clear()
        return cut

    def take(self) -> SpeechPacket | None:
        """Return the next packet, or None when nothing, or less than a packet, is there yet."""
        while self._utterances:
            first = self._utterances[0]
            first.prepare()
            if len(first.ready) < VOICE_CHUNK_SAMPLES and not first.ended:
                return None
            if not first.is_empty:
                return self._cut(first)
            self._utterances.popleft()
        return None

    def _cut(self, utterance: _Utterance) -> SpeechPacket:
        """Cut off a packet, a silent one when nothing is left but the mark of the end."""
        pcm = np.zeros(VOICE_CHUNK_SAMPLES, np.int16)
        cut, utterance.ready = np.split(utterance.ready, [VOICE_CHUNK_SAMPLES])
        pcm[: len(cut)] = cut
        is_first, utterance.begun = not utterance.begun, True
        is_last = utterance.ended and not utterance.waiting and not len(utterance.ready)
        if is_last:
            self._utterances.popleft()
        return SpeechPacket(utterance.id, pcm, is_first, is_last)
