"""How long from a `clear` to silence and to a closed mouth, as a browser plays and shows them?

`python -m benchmarks.barge_in [--trials 20]`. Chromium watches an avatar, whose head is held still,
by WHEP with a player from npm; the same page is its voice, and cuts a sentence somewhere in each
trial, so that all is by one clock. From: the message is sent. To silence: the last audible 2.5 ms
are taken for playing. To a closed mouth: the first picture from which on the mouth is within 40 %
of its way back to rest is to be on the screen. A loudspeaker's delay is not included. Of the one,
trials are left out that were cut in a pause; of the other, where the mouth hardly was open.
"""

import argparse
import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.material import speech
from benchmarks.record import Figure, measure_baseline, report
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
# By then the mouth rests.
_REST_MS = 700.0
_SETTLE_MS = 1600


@dataclass(frozen=True)
class Watched:
    """What was heard and drawn, and when (N,) sentences were cut, on the page's clock."""

    recording: Recording
    cuts_ms: list[float]


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
    return Watched(recording, cutting["cuts"])


def silence_ms(recording: Recording, cut_ms: float) -> float | None:
    """From `cut_ms` to the end of the last audible sound; None when it was cut in a pause."""
    since = recording.remote.times_ms - cut_ms
    heard = since[recording.remote.rms > _AUDIBLE]
    if not ((heard >= -_PAUSE_MS) & (heard < 0)).any():
        return None
    return max(float(heard[heard <= _AFTER_MS].max()) + _QUARTER_MS, 0.0)


def closed_ms(recording: Recording, cut_ms: float) -> float | None:
    """From `cut_ms` to the closed mouth; None when it was not open when it was cut."""
    since = recording.frame_times_ms - cut_ms
    near = (since >= -_BEFORE_MS) & (since <= _AFTER_MS)
    times = since[near]
    rest = times > _REST_MS
    if min(rest.sum(), (times < 0).sum()) < 3:
        raise RuntimeError(
            f"found {near.sum()} pictures in {(_BEFORE_MS + _AFTER_MS) / 1000:g} s, expected 25 a"
            " second: the machine is too slow now"
        )
    movement = mouth_movement(recording.mouths[near], rest)
    floor, peak = movement[rest].max(), movement[times < 0].max()
    if peak < _STANDS_OUT * floor:
        return None
    level = floor + _CLOSED_SHARE * (peak - floor)
    open_at = np.flatnonzero((movement > level) & ~rest)
    if not open_at.size or times[open_at[-1]] < 0:
        return None
    return float(times[open_at[-1] + 1])


def main() -> None:
    """Cut, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials
    baseline = measure_baseline()
    watched = watch(trials)
    silent = [silence_ms(watched.recording, cut) for cut in watched.cuts_ms]
    closed = [closed_ms(watched.recording, cut) for cut in watched.cuts_ms]
    report(
        "barge_in: how long from a clear to silence and to a closed mouth?",
        (
            Figure("clear to silence", "ms", tuple(ms for ms in silent if ms is not None)),
            Figure("clear to closed mouth", "ms", tuple(ms for ms in closed if ms is not None)),
        ),
        baseline=baseline,
        settings={"trials": trials},
    )


if __name__ == "__main__":
    main()
