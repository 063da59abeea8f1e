"""How long from a `clear` to silence and to a closed mouth, as a viewer receives them?

`python -m benchmarks.barge_in [--trials 20]`. A real server; its voice and its viewer are one
client in this process, by one clock. Each trial cuts a sentence somewhere. From: the message is
sent. To silence: the last audible packet has been received. To a closed mouth: the first decoded
picture from which on the mouth is within 40 % of its way back to rest. A screen's and a
loudspeaker's delay are not included. Trials whose mouth was closed when it was cut are left out.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray
from PIL import Image

from benchmarks.material import speech
from benchmarks.record import Figure, measure_baseline, report
from model.identity.landmarks import FaceDetector, LandmarkTracker
from server.adapters.client import AvatarClient
from server.voice_messages import PlaybackFinished, PlaybackStarted
from tests.browser.serving import serve

RATE = 24_000
_SENTENCE_S = 4.0
_AUDIBLE = 150  # of 32768; the codec's noise is below
_CLOSED_SHARE = 0.4
_BEFORE_S, _AFTER_S = 0.4, 1.0
# By then the mouth rests, and is compared with how far it is open there.
_REST_S = 0.7


@dataclass
class Diary:
    """What the viewer received, with the times at which it did."""

    started: int = 0
    finished: int = 0
    sounds: list[tuple[float, int]] = field(default_factory=list)
    pictures: list[tuple[float, NDArray[np.uint8]]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, client: AvatarClient) -> None:
        """Write down what `client` receives."""
        async for received in client:
            now = time.perf_counter()
            if isinstance(received, AudioFrame):
                self.sounds.append((now, int(np.abs(received.to_ndarray().astype(int)).max())))
            elif isinstance(received, VideoFrame):
                self.pictures.append(
                    (now, np.asarray(received.to_ndarray(format="rgb24"), np.uint8))
                )
            elif isinstance(received, PlaybackStarted):
                self.started += 1
            elif isinstance(received, PlaybackFinished):
                self.finished += 1
            self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what is received to fulfil `condition`."""
        async with asyncio.timeout(30):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def silence_ms(self, cut: float) -> float:
        """From `cut` to the last audible packet."""
        after = [at for at, peak in self.sounds if cut <= at <= cut + _AFTER_S and peak > _AUDIBLE]
        return 1000 * (max(after, default=cut) - cut)

    def closed_ms(self, cut: float) -> float | None:
        """From `cut` to the closed mouth; None when it was closed already."""
        near = [(at, own) for at, own in self.pictures if -_BEFORE_S <= at - cut <= _AFTER_S]
        times = np.array([at - cut for at, _ in near])
        if min((times > _REST_S).sum(), (times < 0).sum()) < 3:
            raise RuntimeError(
                f"found {len(near)} pictures in {_BEFORE_S + _AFTER_S:g} s, expected 25 a second:"
                " the machine is too slow now"
            )
        gaps = lip_gaps([own for _, own in near])
        shut = float(np.median(gaps[times > _REST_S]))
        level = shut + _CLOSED_SHARE * (float(gaps[times < 0].max()) - shut)
        open_at = np.flatnonzero((gaps > level) & (times < _REST_S))
        if not len(open_at) or times[open_at[-1]] < 0:
            return None
        return 1000 * float(times[open_at[-1] + 1])


def lip_gaps(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Return how far the inner lips are apart in each picture, in widths of the mouth."""
    tracker = LandmarkTracker()
    roi = FaceDetector().detect(Image.fromarray(pictures[0]))[0].roi
    gaps = []
    for picture in pictures:
        found = tracker.track(Image.fromarray(picture), roi)
        assert found is not None, "the portrait has a face"
        left, right, upper, lower = found[[61, 291, 13, 14], :2]
        gaps.append(np.linalg.norm(lower - upper) / np.linalg.norm(right - left))
    return np.array(gaps)


async def cut_sentences(url: str, trials: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds to silence and to a closed mouth of every trial."""
    pcm = (speech(_SENTENCE_S, RATE) * 32767).astype("<i2").tobytes()
    rng = np.random.default_rng(0)
    silences: list[float] = []
    closed: list[float] = []
    client = AvatarClient(url, "astronaut", sample_rate=RATE)
    await client.connect()
    diary = Diary()
    keeping = asyncio.create_task(diary.keep(client))
    try:
        await diary.until(lambda: len(diary.pictures) > 50)
        for trial in range(trials):
            await client.say(pcm)
            await client.end()
            await diary.until(lambda wanted=trial + 1: diary.started == wanted)  # type: ignore[misc]
            heard = time.perf_counter() + rng.uniform(0.7, 2.5)
            await diary.until(lambda heard=heard: time.perf_counter() > heard)  # type: ignore[misc]
            cut = time.perf_counter()
            await client.clear()
            end = cut + _AFTER_S + 0.1
            await diary.until(lambda end=end: time.perf_counter() > end)  # type: ignore[misc]
            silences.append(diary.silence_ms(cut))
            if (ms := diary.closed_ms(cut)) is not None:
                closed.append(ms)
            diary.sounds.clear()
            diary.pictures.clear()
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        await client.aclose()
    return silences, closed


def main() -> None:
    """Serve, cut, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials
    baseline = measure_baseline()
    with serve("--port", "0") as served:
        silences, closed = asyncio.run(cut_sentences(served.url, trials))
    report(
        "barge_in: how long from a clear to silence and to a closed mouth?",
        (
            Figure("clear to silence", "ms", tuple(silences)),
            Figure("clear to closed mouth", "ms", tuple(closed)),
        ),
        baseline=baseline,
        settings={"trials": trials},
    )


if __name__ == "__main__":
    main()
