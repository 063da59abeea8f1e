"""Speech that comes faster than it is spoken, handed on at the pace of a microphone."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PACKET_MS = 20
RATES = (16_000, 22_050, 24_000, 44_100, 48_000)
"""Hz of speech; all have whole packets."""


class SpeechOverflowError(ValueError):
    """More speech is queued than may be."""


@dataclass(frozen=True, eq=False)
class SpeechPacket:
    """20 ms of one utterance.

    pcm: (samples,) int16, the last packet filled up with silence. is_first, is_last: within its
    utterance; all of an utterance that is not ended yet may be packed without a last one.
    """

    utterance: str
    pcm: NDArray[np.int16]
    sample_rate: int
    is_first: bool
    is_last: bool


@dataclass
class _Utterance:
    id: str
    sample_rate: int
    pieces: deque[NDArray[np.int16]]
    samples: int = 0
    ended: bool = False
    begun: bool = False


class SpeechQueue:
    """Utterances in the order in which they began; at most `max_ms` of them."""

    def __init__(self, max_ms: float) -> None:
        self._max_ms = max_ms
        self._utterances: deque[_Utterance] = deque()

    @property
    def queued_ms(self) -> float:
        """How much speech waits."""
        return sum(1000 * u.samples / u.sample_rate for u in self._utterances)

    def begin(self, utterance: str, sample_rate: int) -> None:
        """Begin an utterance; the one before it is ended. Raises ValueError for another rate."""
        if sample_rate not in RATES:
            known = ", ".join(str(rate) for rate in RATES)
            raise ValueError(f"found speech at {sample_rate} Hz, expected one of {known}")
        self.end()
        self._utterances.append(_Utterance(utterance, sample_rate, deque()))

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Add (samples,) to the utterance that began last.

        Raises SpeechOverflowError when that would be more than `max_ms`: nothing is added then;
        ValueError when no utterance has begun, or it has ended.
        """
        if not self._utterances or self._utterances[-1].ended:
            raise ValueError("found speech outside an utterance, expected `begin` first")
        last = self._utterances[-1]
        queued_ms = self.queued_ms + 1000 * len(pcm) / last.sample_rate
        if queued_ms > self._max_ms:
            raise SpeechOverflowError(
                f"{queued_ms:.0f} ms of speech wait to be spoken, expected at most"
                f" {self._max_ms:.0f}: send it later"
            )
        last.pieces.append(pcm)
        last.samples += len(pcm)

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
            size = first.sample_rate * PACKET_MS // 1000
            if first.samples < size and not first.ended:
                return None
            if first.samples == 0 and first.begun:
                # It was ended when nothing was left to carry the mark.
                self._utterances.popleft()
                return SpeechPacket(
                    first.id, np.zeros(size, np.int16), first.sample_rate, False, True
                )
            if first.samples == 0:
                self._utterances.popleft()
                continue
            return self._cut(first, size)
        return None

    def _cut(self, utterance: _Utterance, size: int) -> SpeechPacket:
        pcm = np.zeros(size, np.int16)
        filled = 0
        while filled < size and utterance.pieces:
            piece = utterance.pieces[0][: size - filled]
            pcm[filled : filled + len(piece)] = piece
            filled += len(piece)
            rest = utterance.pieces.popleft()[len(piece) :]
            if len(rest):
                utterance.pieces.appendleft(rest)
        utterance.samples -= filled
        is_first, utterance.begun = not utterance.begun, True
        is_last = utterance.ended and utterance.samples == 0
        if is_last:
            self._utterances.popleft()
        return SpeechPacket(utterance.id, pcm, utterance.sample_rate, is_first, is_last)
