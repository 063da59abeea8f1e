"""How long from a `clear` to silence and to a closed mouth, as a browser plays and shows them?

`python -m benchmarks.barge_in [--trials 20]`. Chromium watches an avatar, whose head is held still,
by WHEP with a player from npm; the same page is its voice, and cuts a sentence somewhere in each
trial, so that all is by one clock. From: the message is sent. To silence: the last audible 2.5 ms
are taken for playing. To a closed mouth: the first picture from which on the mouth is within 40 %
of its way back to rest is to be on the screen; rest is how it looked before that sentence. A
loudspeaker's delay is not included. Of the one, trials are left out that were cut in a pause; of
the other, where the mouth hardly was open. How many, and why, is told.
"""

import argparse
import base64
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.material import speech
from benchmarks.record import Figure, if_any, measure_baseline, report
from benchmarks.watch_skew import WARM_UP_S, make_live
from tests.browser import chromium
from tests.browser.bursts import speech_bursts, write_wav
from tests.browser.launch import chromium_hearing
from tests.browser.lip_sync import mouth_movement
from tests.browser.mouth_box import mouth_box
from tests.browser.recording import Recording, record
from tests.browser.serving import serve
from tests.browser.watching import npm_player, watching

RATE = 24_000
_SCRIPT = Path(__file__).with_suffix(".js")
_AVATAR = "still"
# One binary frame of the voice socket holds at most 5.4 s at this rate.
_SENTENCE_S = 4.0
_DELAYS_MS = (700, 2500)
_AUDIBLE = 0.005  # root mean square, of 1; the codec's noise is below
_QUARTER_MS = 2.5  # of sound, of which that is told
_PAUSE_MS = 60.0
_CLOSED_SHARE, _STANDS_OUT = 0.4, 2.0
_BEFORE_MS, _AFTER_MS = 400.0, 1000.0
# The mouth rests for so long before a sentence, and has settled from the one before.
_REST_MS = 600.0
_SETTLE_MS = 1600
_LEAST_PICTURES = 3


@dataclass(frozen=True)
class Watched:
    """What was heard and drawn, and when each sentence was sent and cut, on the page's clock."""

    recording: Recording
    trials_ms: list[tuple[float, float]]


def watch(trials: int) -> Watched:
    """Serve, watch, cut.

    Raises FileNotFoundError without Chromium, RuntimeError when not all sentences could be cut.
    """
    executable = chromium.find()
    if executable is None:
        raise FileNotFoundError("no Chromium or Chrome: run `make setup-dev`, or set CHROMIUM")
    pcm = (speech(_SENTENCE_S, RATE) * 32767).astype("<i2").tobytes()
    delays_ms = np.random.default_rng(0).uniform(*_DELAYS_MS, trials)
    seconds = (delays_ms.sum() + trials * (_SETTLE_MS + 500)) / 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        player, wav = npm_player(folder), folder / "words.wav"
        write_wav(wav, speech_bursts(1)[0])
        with serve("--port", "0", data_home=folder) as served:
            mouth = mouth_box(make_live(served.url))
            socket = f"{served.url.replace('http', 'ws', 1)}/v1/avatars/{_AVATAR}/audio"
            with (
                chromium_hearing(wav, executable) as browser,
                watching(browser, served.url, player, _AVATAR, mouth) as page,
            ):
                page.add_script_tag(path=_SCRIPT)
                record(page, WARM_UP_S)
                arguments = [
                    socket,
                    RATE,
                    base64.b64encode(pcm).decode(),
                    delays_ms.tolist(),
                    _SETTLE_MS,
                ]
                page.evaluate("(given) => cutSentences(...given)", arguments)
                recording = record(page, seconds)
                cutting = page.evaluate("window.cutting")
    if cutting["error"] or len(cutting["cuts"]) < trials:
        why = cutting["error"] or "the machine is too slow now"
        raise RuntimeError(f"cut {len(cutting['cuts'])} sentences, expected {trials}: {why}")
    return Watched(recording, list(zip(cutting["starts"], cutting["cuts"], strict=False)))


def silence_ms(recording: Recording, cut_ms: float) -> float | str:
    """From `cut_ms` to the end of the last audible sound; or why that is not told."""
    since = recording.remote.times_ms - cut_ms
    heard = since[recording.remote.rms > _AUDIBLE]
    if not ((heard >= -_PAUSE_MS) & (heard < 0)).any():
        return "cut in a pause"
    return max(float(heard[heard <= _AFTER_MS].max()) + _QUARTER_MS, 0.0)


def closed_ms(recording: Recording, start_ms: float, cut_ms: float) -> float | str:
    """From `cut_ms` to the closed mouth; or why that is not told.

    The sentence was sent at `start_ms`: until then the mouth rested.
    """
    shown = recording.frame_times_ms
    resting = (shown >= start_ms - _REST_MS) & (shown < start_ms)
    near = (shown >= cut_ms - _BEFORE_MS) & (shown <= cut_ms + _AFTER_MS)
    times = shown[resting | near] - cut_ms
    rest, spoken = resting[resting | near], near[resting | near] & (times < 0)
    after = times >= 0
    if min(rest.sum(), spoken.sum(), after.sum()) < _LEAST_PICTURES:
        return "too few pictures, the machine is too slow now"
    movement = mouth_movement(recording.mouths[resting | near], rest)
    floor, peak = movement[rest].max(), movement[spoken].max()
    if peak < _STANDS_OUT * floor:
        return "the mouth hardly open"
    level = floor + _CLOSED_SHARE * (peak - floor)
    open_at = np.flatnonzero((movement > level) & ~rest)
    if not open_at.size or times[open_at[-1]] < 0:
        return "the mouth closed when it was cut"
    if open_at[-1] + 1 == len(times):
        return f"the mouth still open after {_AFTER_MS / 1000:g} s"
    return float(times[open_at[-1] + 1])


def told(name: str, found: Sequence[float | str]) -> tuple[list[Figure], list[str]]:
    """The figure of those trials that tell it, and how many do not, by why."""
    values = [one for one in found if isinstance(one, float)]
    dropped = Counter(one for one in found if isinstance(one, str))
    sentences = [f"{name}: {len(values)} of {len(found)} trials"]
    sentences += [f"{name}: left out {count}: {why}" for why, count in dropped.items()]
    return if_any(name, "ms", values), sentences


def main() -> None:
    """Cut, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials
    baseline = measure_baseline()
    watched = watch(trials)
    silent = [silence_ms(watched.recording, cut) for _, cut in watched.trials_ms]
    closed = [closed_ms(watched.recording, *trial) for trial in watched.trials_ms]
    to_silence, about_silence = told("clear to silence", silent)
    to_closed, about_closed = told("clear to closed mouth", closed)
    report(
        "barge_in: how long from a clear to silence and to a closed mouth?",
        [*to_silence, *to_closed],
        baseline=baseline,
        settings={"trials": trials},
        conclusions=[*about_silence, *about_closed],
    )


if __name__ == "__main__":
    main()
