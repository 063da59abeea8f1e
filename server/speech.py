"""What an avatar is given to say, and how far it has come."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from server.tts import SpeechError, Spoken

Sound = Callable[[], Spoken]


class State(StrEnum):
    """Of a sentence: not yet sound, sound that waits, being heard."""

    WAITING = "waiting"
    READY = "ready"
    SPEAKING = "speaking"


@dataclass(frozen=True)
class Speech:
    """One sentence to say: ``sound`` makes (Hz, (samples,)) pieces of it, see Synthesizer.speak.

    ``text`` None: a recording, whose sound of ``recorded_ms`` is in memory already. ``pause_ms`` of
    silence follow.
    """

    text: str | None
    sound: Sound
    pause_ms: int = 0
    recorded_ms: float = 0.0


@dataclass(eq=False)
class Batch:
    """What was asked for at once, by the key ``owner``.

    ``first`` is done when its first sound is there, or an error.
    """

    owner: str | None
    first: asyncio.Future[SpeechError | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, error: SpeechError | None = None) -> None:
        """Tell how the first sentence came out; what comes later changes nothing."""
        if not self.first.done():
            self.first.set_result(error)


@dataclass(eq=False)
class Sentence:
    """A sentence in the queue."""

    id: str
    speech: Speech
    batch: Batch
    state: State = State.WAITING
