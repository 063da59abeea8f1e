"""Lips that fall silent at once, though the model still hears what was to be said."""

import math

from streaming.rates import VOICE_SAMPLES_PER_FRAME

# After a hush, the gain is multiplied by this each frame. Whoever interrupts waits for no movement
# to end: already in the first frame all but the widest mouths are shut.
_CLOSING = 0.2
_OPENING = 0.7
# Lips part before the sound.
_EARLY_SAMPLES = 2 * VOICE_SAMPLES_PER_FRAME


class Lips:
    """How far the lips follow the model's motion, 1..0: less and less from a hush to new speech.

    A hush takes away sound that the model has heard already, and whose frames are still to be
    drawn. ``gain`` may be called by the thread that draws, the other methods by another one.
    """

    def __init__(self) -> None:
        self._closed_until: float = 0
        self._gain = 1.0

    def hush(self) -> None:
        """Close them from the next frame that is drawn on."""
        self._closed_until = math.inf

    def speak(self, position: int) -> None:
        """Let them follow again, for the sound at `position` and what comes after it."""
        if self._closed_until == math.inf:
            self._closed_until = position - _EARLY_SAMPLES

    def gain(self, frame: int) -> float:
        """Return the gain of `frame`; ask once for each that is drawn, in order."""
        if frame * VOICE_SAMPLES_PER_FRAME < self._closed_until:
            self._gain *= _CLOSING
        else:
            self._gain += (1.0 - self._gain) * _OPENING
        return self._gain
