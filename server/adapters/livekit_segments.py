"""Which of the sound that comes is the sound that was given: its count is the agent's position.

The server tells by messages when an utterance begins and ends to be heard. They overtake the sound
by what WebRTC's buffers hold, so what they enclose is longer than the utterance, by silence. Here
that is left out: what is handed on of an utterance has as many samples as were given.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streaming.rates import VOICE_RATE

# Of 32768: -60 dB. What Opus makes of digital silence is below, the noise of most voices above.
_SILENCE_PEAK = 32
# Kept before the first sample that is louder: an onset begins faintly.
_ONSET_SAMPLES = VOICE_RATE * 5 // 2000
# Silence for so long is an utterance's own. From giving to hearing it takes the server's playout
# delay and WebRTC's buffers: 0.5 s or less on a network that a call is possible on.
_PATIENCE_SAMPLES = VOICE_RATE
# What has not come so long after its time is lost.
_LOST_AFTER_S = 0.5


@dataclass
class _Segment:
    """An utterance. Samples are of 1/48000 s.

    ``patience_samples``: how much silence is still taken for what comes before its sound.
    ``ends_at``: when what is missing is given up, once the server has told that it is over.
    """

    number: int
    given_samples: int = 0
    heard_samples: int = 0
    patience_samples: int = _PATIENCE_SAMPLES
    is_complete: bool = False
    has_started: bool = False
    ends_at: float | None = None

    @property
    def missing_samples(self) -> int:
        return self.given_samples - self.heard_samples


class Segments:
    """The utterances that are not heard to their end, numbered as the server does: from 1.

    ``now`` is monotonic time in seconds, given by the caller.
    """

    def __init__(self) -> None:
        self._last = 0
        self._waiting: deque[_Segment] = deque()
        # Whether the sound that comes goes on from what was handed on last.
        self._is_sounding = False

    def give(self, samples: int) -> None:
        """Count sound that is given: a new utterance's, if none is open."""
        if not samples:
            return
        if not self._waiting or self._waiting[-1].is_complete:
            self._last += 1
            self._waiting.append(_Segment(self._last))
        segment = self._waiting[-1]
        if not segment.missing_samples:
            segment.patience_samples = _PATIENCE_SAMPLES
        segment.given_samples += samples

    def complete(self) -> None:
        """No more is given of the utterance that is open, if one is."""
        if self._waiting:
            self._waiting[-1].is_complete = True

    def clear(self) -> None:
        """Forget all that was given."""
        self._waiting.clear()
        self._is_sounding = False

    def start(self, number: int) -> None:
        """The server tells that an utterance begins to be heard."""
        if (segment := self._find(number)) is not None:
            segment.has_started = True

    def finish(self, number: int, now: float) -> None:
        """The server tells that an utterance was heard to its end."""
        if (segment := self._find(number)) is not None:
            segment.is_complete = True
            segment.ends_at = now + segment.missing_samples / VOICE_RATE + _LOST_AFTER_S

    def cut(self, number: int, now: float) -> None:
        """The server tells that an utterance was cut off, by somebody else: `clear` forgets it."""
        if (segment := self._find(number)) is not None:
            segment.is_complete = True
            segment.ends_at = now

    def hear(self, pcm: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Split ``pcm`` (samples,), the sound that came, at the first utterance's end.

        Returns what is that utterance's, and what may be the next one's when `take_end` is true.
        """
        segment = self._waiting[0] if self._waiting else None
        if segment is None or not segment.has_started:
            self._is_sounding = False
            return pcm[:0], pcm[:0]
        if not self._is_sounding:
            pcm = self._from_onset(segment, pcm)
        own, rest = np.split(pcm, [segment.missing_samples])
        segment.heard_samples += len(own)
        # All that was given was heard: until there is more, silence is nobody's.
        self._is_sounding = self._is_sounding and segment.missing_samples > 0
        return own, rest

    def take_end(self, now: float) -> bool:
        """Whether the first utterance has ended, which is told once."""
        segment = self._waiting[0] if self._waiting else None
        if segment is None or not segment.is_complete:
            return False
        is_lost = segment.ends_at is not None and now >= segment.ends_at
        if segment.missing_samples and not is_lost:
            return False
        self._waiting.popleft()
        self._is_sounding = False
        return True

    def _from_onset(self, segment: _Segment, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _SILENCE_PEAK)
        if not len(loud) and segment.patience_samples > 0:
            segment.patience_samples -= len(pcm)
            return pcm[:0]
        self._is_sounding = True
        first = loud[0] if len(loud) else 0
        return pcm[max(0, first - _ONSET_SAMPLES) :]

    def _find(self, number: int) -> _Segment | None:
        return next((own for own in self._waiting if own.number == number), None)
