"""What is left of a call when the network is bad?

`python -m benchmarks.bad_network [--seconds 60] [--case NAME]...`, as root on Linux. One call for
each case, of the same browser with the same server, over a link that is slow, late or lossy
(tests/server/bad_link.py); `clean` always comes first, and is what the others are compared with.
Every call begins on a good link, and settles for 20 s before it is recorded. A sample is what the
browser tells every 2 s or the server every second, or how often something happened in the whole
call. Latency and skew are of single words, as in `benchmarks.live_latency` and `live_skew`, where
they came through so far that their start was found.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from playwright.sync_api import Error

from benchmarks.bad_call import FarServer, Look, Measured, Stats, Stretch, far_server
from benchmarks.live import WARM_UP_S
from benchmarks.record import Figure, measure_baseline, report
from tests.browser.lip_sync import pair_words, skews_ms
from tests.browser.recording import Recording
from tests.server.bad_link import Conditions, Counts

FPS = 25
# Below this share of it the machine is what is measured.
_ENOUGH = 0.95
FROZEN_MS = 200.0
_SENT, _SKEW = "pictures sent, by server", "mouth opens minus sound starts"
_CLEAN = Conditions(delay_ms=20)
_DOWN_400 = replace(_CLEAN, rate_kbps=400, queue_ms=200)


def _both(name: str, conditions: Conditions) -> tuple[Stretch, ...]:
    return (Stretch(name, conditions, conditions),)


def _narrow(rate_kbps: float) -> tuple[Stretch, ...]:
    down = replace(_CLEAN, rate_kbps=rate_kbps, queue_ms=200)
    return (Stretch(f"narrow-{rate_kbps:g}", down, _CLEAN),)


BASELINE = "clean"
CASES = {
    BASELINE: _both(BASELINE, _CLEAN),
    "loss-1": _both("loss-1", replace(_CLEAN, loss=0.01)),
    "loss-3": _both("loss-3", replace(_CLEAN, loss=0.03)),
    "bursts": _both("bursts", replace(_CLEAN, loss=0.02, burst_packets=3)),
    "jitter": _both("jitter", replace(_CLEAN, jitter_ms=40)),
    "narrow-1000": _narrow(1000),
    "narrow-500": _narrow(500),
    "drop-to-400": (
        Stretch("before drop", _CLEAN, _CLEAN, 1 / 3),
        Stretch("drop-to-400", _DOWN_400, _CLEAN, 1 / 3),
        Stretch("after drop", _CLEAN, _CLEAN, 1 / 3),
    ),
}

# What the server counts, by its metric, as milliseconds of sound ...
_SOUND_COUNTERS = {
    "concealed_audio_ms": "microphone missing, at server",
    "silent_concealed_audio_ms": "of it heard as silence",
    "late_audio_ms": "microphone late, at server",
}
# ... and as events.
_EVENT_COUNTERS = {
    "repeated_frames": "pictures repeated, at server",
    "rung_changes": "bitrate changes, at server",
    "clock_steps": "clock steps, at server",
}

_Named = tuple[str, str, list[float]]
_Looks = Sequence[tuple[Stats, Stats]]


def figures(measured: Measured) -> Iterator[Figure]:
    """Yield what there are samples of, always in the same order."""
    every = (
        *_of_picture([(before.picture, after.picture) for before, after in measured.intervals]),
        *_of_screen(measured.recording),
        *_of_voice([(before.voice, after.voice) for before, after in measured.intervals]),
        *_of_words(measured),
        *_of_connection([after for _, after in measured.intervals]),
        *_of_server(measured),
        *_of_link(measured.carried, measured.seconds),
        ("call lost, and begun again", "/min", [60 * measured.reconnections / measured.seconds]),
    )
    for name, unit, samples in every:
        if samples:
            # Of pictures in a second, few are what is bad.
            yield Figure(name, unit, tuple(samples), tail_percent=5 if unit == "1/s" else 95)


def _of_picture(looks: _Looks) -> Iterator[_Named]:
    yield "pictures decoded", "1/s", _per_second(looks, "framesDecoded")
    yield "picture received", "kbps", [b * 8 / 1000 for b in _per_second(looks, "bytesReceived")]
    for what, name in (
        ("freezes, by browser", "freezeCount"),
        ("pictures dropped by browser", "framesDropped"),
        ("key frames asked for (PLI)", "pliCount"),
        ("packets asked for again (NACK)", "nackCount"),
    ):
        yield what, "/min", [60_000 * share for share in _overall(looks, name)]
    seconds = "totalFreezesDuration"
    yield "time frozen, by browser", "%", [100_000 * share for share in _overall(looks, seconds)]
    yield "picture packets lost, at first", "%", _lost_percent(looks)
    yield "picture in jitter buffer", "ms", _buffered_ms(looks)


def _of_screen(recording: Recording) -> Iterator[_Named]:
    # The browser tells of a freeze when it is over. Its microphone never rests.
    start_ms, end_ms = recording.microphone.times_ms[[0, -1]]
    shown_ms = recording.frame_times_ms
    shown_ms = shown_ms[(shown_ms > start_ms) & (shown_ms < end_ms)]
    stood_ms = np.diff(shown_ms, prepend=start_ms, append=end_ms)
    frozen_ms = float(stood_ms[stood_ms > FROZEN_MS].sum())
    yield f"no new picture for {FROZEN_MS:g} ms", "%", [100 * frozen_ms / (end_ms - start_ms)]
    yield "longest without a new picture", "ms", [float(stood_ms.max())]


def _of_voice(looks: _Looks) -> Iterator[_Named]:
    yield "voice packets lost", "%", _lost_percent(looks)
    for what, name in (
        ("voice made up by browser", "concealedSamples"),
        ("of it silence", "silentConcealedSamples"),
    ):
        shares = zip(_rises(looks, name), _rises(looks, "totalSamplesReceived"), strict=True)
        yield what, "%", [100 * samples / total for samples, total in shares if total > 0]
    yield "voice in jitter buffer", "ms", _buffered_ms(looks)


def _of_words(measured: Measured) -> Iterator[_Named]:
    words = pair_words(measured.recording)
    yield "microphone to sound", "ms", [word.latency_ms for word in words.bursts]
    opened = [(word.mouth_ms, word.microphone_ms) for word in words.bursts]
    yield "microphone to frame", "ms", [at - start for at, start in opened if at is not None]
    yield _SKEW, "ms", skews_ms(words.bursts)
    yield "words heard", "%", [100 * len(words.bursts) / words.spoken] if words.spoken else []


def _of_connection(looks: Sequence[Look]) -> Iterator[_Named]:
    yield "round trip", "ms", [1000 * look.pair["currentRoundTripTime"] for look in looks]
    # Its name for a sum over all streams is the pair's; it is what REMB tells the server.
    estimates = [look.pair.get("availableIncomingBitrate") for look in looks]
    yield "browser's estimate of the way", "kbps", [e / 1000 for e in estimates if e is not None]
    reports = [look.microphone for look in looks if look.microphone]
    yield "microphone lost, by RTCP", "%", [100 * report["fractionLost"] for report in reports]


def _of_server(measured: Measured) -> Iterator[_Named]:
    told = measured.recording.stats_messages
    yield _SENT, "1/s", [float(message["fps"]) for message in told]
    yield "rung of bitrate, by server", "", [float(m["rung"]) for m in told if "rung" in m]
    for name, what in _SOUND_COUNTERS.items():
        if name in measured.counted:
            yield what, "%", [100 * measured.counted[name] / (1000 * measured.seconds)]
    for name, what in _EVENT_COUNTERS.items():
        if name in measured.counted:
            yield what, "/min", [60 * measured.counted[name] / measured.seconds]


def _of_link(carried: tuple[Counts, Counts], seconds: float) -> Iterator[_Named]:
    for way, counts in zip(("down", "up"), carried, strict=True):
        sent = counts.carried_packets + counts.dropped_packets + counts.lost_packets
        yield f"link {way}: carried", "kbps", [counts.carried_bytes * 8 / 1000 / seconds]
        yield f"link {way}: lost", "%", [100 * counts.lost_packets / max(sent, 1)]
        yield f"link {way}: no room", "%", [100 * counts.dropped_packets / max(sent, 1)]


def _rises(looks: _Looks, name: str) -> list[float]:
    return [float(after[name] - before[name]) for before, after in looks]


def _per_second(looks: _Looks, name: str) -> list[float]:
    times_ms = _rises(looks, "timestamp")
    return [1000 * rise / ms for rise, ms in zip(_rises(looks, name), times_ms, strict=True)]


def _overall(looks: _Looks, name: str) -> list[float]:
    """How much it rose in a millisecond, from the first look to the last: a sample, or none."""
    milliseconds = sum(_rises(looks, "timestamp"))
    return [sum(_rises(looks, name)) / milliseconds] if milliseconds else []


def _lost_percent(looks: _Looks) -> list[float]:
    counts = zip(_rises(looks, "packetsLost"), _rises(looks, "packetsReceived"), strict=True)
    return [100 * lost / (lost + received) for lost, received in counts if lost + received > 0]


def _buffered_ms(looks: _Looks) -> list[float]:
    """Mean time that what left the jitter buffer had spent in it."""
    spent_s = _rises(looks, "jitterBufferDelay")
    left = _rises(looks, "jitterBufferEmittedCount")
    return [1000 * s / count for s, count in zip(spent_s, left, strict=True) if count > 0]


def hold_calls(far: FarServer, cases: Sequence[str], seconds: float) -> dict[str, list[Figure]]:
    """Return the figures of every stretch of every case, by the stretch's name.

    A case whose call failed is told and left out.
    """
    found: dict[str, list[Figure]] = {}
    for case in cases:
        print(f"{case} ...", flush=True)
        stretches = CASES[case]
        try:
            recorded = far.hold_call(stretches, seconds)
        except Error as error:
            print(f"{case}: no answer: {error}")
            continue
        for stretch, measured in zip(stretches, recorded, strict=True):
            found[stretch.name] = list(figures(measured))
    return found


def compare(found: dict[str, list[Figure]]) -> list[str]:
    """Return a table: the medians side by side, and how many times the baseline's they are."""
    medians = {
        name: {figure.name: figure.median for figure in taken} for name, taken in found.items()
    }
    clean = medians.get(BASELINE, {})
    units = {figure.name: figure.unit for taken in found.values() for figure in taken}
    lines = [
        f"\nmedians, and how many times that of {BASELINE}:\n",
        f"| {'what':<30} | unit |" + "".join(f" {name:>13} |" for name in found),
        f"|{'-' * 32}|------|" + f"{'-' * 14}:|" * len(found),
    ]
    for what, unit in units.items():
        # Of what has a sign, a multiple says nothing.
        base = None if what == _SKEW else clean.get(what)
        cells = (_cell(of_stretch.get(what), base) for of_stretch in medians.values())
        lines.append(f"| {what:<30} | {unit:<4} |" + "".join(f" {cell:>13} |" for cell in cells))
    sent = clean.get(_SENT, 0.0)
    if sent < _ENOUGH * FPS:
        lines.append(
            f"\n{BASELINE}: {sent:g} pictures a second were sent, expected {FPS}: the machine was"
            " too slow, or too busy, to tell what the network does"
        )
    return lines


def _cell(median: float | None, base: float | None) -> str:
    if median is None:
        return ""
    return f"{median:.1f} " + (f"x{median / base:.2f}" if base else "").rjust(6)


def main() -> None:
    """Hold the calls, print and keep what they gave."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="recorded of each call")
    parser.add_argument("--case", choices=CASES, action="append", help="only this; may be repeated")
    options = parser.parse_args()
    cases = [BASELINE, *(case for case in options.case or CASES if case != BASELINE)]
    # `timeout` and `kill` must leave no hosts behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    baseline = measure_baseline()
    with far_server() as far:
        found = hold_calls(far, cases, options.seconds)
    report(
        "bad_network: what is left of a call when the network is bad?",
        [
            replace(figure, name=f"{name}: {figure.name}")
            for name, taken in found.items()
            for figure in taken
        ],
        baseline=baseline,
        settings={"seconds": options.seconds, "warm_up_s": WARM_UP_S, "cases": " ".join(cases)},
        conclusions=compare(found),
    )
    if unanswered := [case for case in cases if CASES[case][0].name not in found]:
        raise SystemExit(f"no answer: {', '.join(unanswered)}")


if __name__ == "__main__":
    main()
