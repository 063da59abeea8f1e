"""One live call, measured: the real server, and Chromium on the same machine as its caller.

The microphone hears single words, each after a silence (tests/browser/bursts.py). Shared by the
`live_*` benchmarks; each of them says what it reads from the call.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.record import Figure, measure_baseline, report
from tests.browser import chromium
from tests.browser.bursts import speech_bursts, write_wav
from tests.browser.launch import chromium_hearing
from tests.browser.lip_sync import Burst, find_bursts
from tests.browser.live_page import live_page
from tests.browser.recording import Recording, record
from tests.browser.serving import serve

# The browser's jitter buffers and its lip sync need some seconds to settle.
WARM_UP_S = 20.0
_WORDS = 24


@dataclass(frozen=True)
class LiveCall:
    """What one call gave: `server_rss_mb` is the server's resident memory, every 2 s."""

    seconds: float
    recording: Recording
    bursts: tuple[Burst, ...]
    server_rss_mb: tuple[float, ...]


@dataclass(frozen=True)
class Answer:
    """A question's figures, and what follows from them in a sentence each."""

    question: str
    figures: tuple[Figure, ...]
    conclusions: tuple[str, ...]


def hold_call(seconds: float) -> LiveCall:
    """Start server and browser, let the call settle, record `seconds` of it.

    Raises:
        FileNotFoundError: no Chromium; says what to do.
    """
    executable = chromium.find()
    if executable is None:
        raise FileNotFoundError("no Chromium or Chrome: run `make setup-dev`, or set CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "words.wav"
        write_wav(wav, speech_bursts(_WORDS)[0])
        with serve("--port", "0") as served, chromium_hearing(wav, executable) as browser:
            rss_mb: list[float] = []
            with live_page(browser, served.url) as page:
                record(page, WARM_UP_S)
                recording = record(
                    page,
                    seconds,
                    each_look=lambda: rss_mb.append(_resident_mb(served.process.pid)),
                )
    return LiveCall(seconds, recording, tuple(find_bursts(recording)), tuple(rss_mb))


def answer(*questions: Callable[[LiveCall], Answer], default_seconds: float) -> None:
    """Run one call from the command line, and print and keep the answer to each question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=default_seconds, help="length of the call")
    seconds = parser.parse_args().seconds
    baseline = measure_baseline()
    call = hold_call(seconds)
    settings: dict[str, object] = {"seconds": seconds, "warm_up_s": WARM_UP_S}
    for ask in questions:
        found = ask(call)
        report(found.question, found.figures, baseline=baseline, settings=settings)
        for sentence in found.conclusions:
            print(sentence)


def _resident_mb(pid: int) -> float:
    """Of the process and its children: the model is one of them."""
    command = ["ps", "-A", "-o", "pid=,ppid=,rss="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [[int(word) for word in line.split()] for line in listing.splitlines()]
    return sum(rss for own, parent, rss in rows if pid in (own, parent)) / 1024
