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
from tests.browser.lip_sync import LONGEST_LATENCY_MS, Words, pair_words
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
    words: Words
    server_rss_mb: tuple[float, ...]


@dataclass(frozen=True)
class Answer:
    """A question's figures, and what follows from them in a sentence each."""

    question: str
    figures: tuple[Figure, ...]
    conclusions: tuple[str, ...]


class NoAnswerError(Exception):
    """The call does not tell what was asked; says why."""


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
    return LiveCall(seconds, recording, pair_words(recording), tuple(rss_mb))


def answer(*questions: Callable[[LiveCall], Answer], default_seconds: float) -> None:
    """Run one call from the command line, and print and keep the answer to each question.

    A question that the call cannot answer, on a machine that is too slow, is told and left out; the
    others are answered all the same. The program ends with 1 then.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=default_seconds, help="length of the call")
    seconds = parser.parse_args().seconds
    baseline = measure_baseline()
    call = hold_call(seconds)
    settings: dict[str, object] = {"seconds": seconds, "warm_up_s": WARM_UP_S}
    unanswered = []
    for ask in questions:
        try:
            found = ask(call)
        except NoAnswerError as error:
            unanswered.append(f"{ask.__name__}: no answer: {error}")
            continue
        report(
            found.question,
            found.figures,
            baseline=baseline,
            settings=settings,
            conclusions=found.conclusions,
        )
    if unanswered:
        raise SystemExit("\n".join(unanswered))


def words_told(words: Words) -> str:
    """Say how many words came out: those that did not are in no figure of latency or skew."""
    return (
        f"of {words.spoken} words, the sound of {words.unmatched} came"
        f" {LONGEST_LATENCY_MS / 1000:g} s late or never"
    )


def _resident_mb(pid: int) -> float:
    """Of the process and its children: the model is one of them."""
    command = ["ps", "-A", "-o", "pid=,ppid=,rss="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [[int(word) for word in line.split()] for line in listing.splitlines()]
    return sum(rss for own, parent, rss in rows if pid in (own, parent)) / 1024
