"""How long from a sound entering the microphone to the same sound, and its frame, coming out?

`python -m benchmarks.live_latency [--seconds 300]`. Both ends are in the same browser, by one
clock. From: the sound is in the buffer that the browser's microphone delivers to the page (the
buffer's own 10 ms are included, the sound device's are not). To: the browser takes the sound from
the received stream to play it, respectively expects the picture on the screen; the loudspeaker's
and the screen's own delay are not included. Every word of the call is one sample; those whose sound
does not come within 1.4 s are counted.
"""

from benchmarks.live import Answer, LiveCall, NoAnswerError, answer, words_told
from benchmarks.record import Figure, if_any


def latency(call: LiveCall) -> Answer:
    """Return the latency of every word, to its sound and to its opening mouth."""
    bursts = call.words.bursts
    if not bursts:
        raise NoAnswerError(words_told(call.words))
    to_sound = Figure("microphone to sound", "ms", tuple(burst.latency_ms for burst in bursts))
    opened_ms = [
        burst.mouth_ms - burst.microphone_ms for burst in bursts if burst.mouth_ms is not None
    ]
    figures = [to_sound]
    conclusions = [
        words_told(call.words),
        f"the mouth was seen to open at {len(opened_ms)} of the {len(bursts)} others",
    ]
    # Where too few pictures are shown, none is seen; the sound is heard all the same.
    if opened_ms:
        figures.append(Figure("microphone to frame", "ms", tuple(opened_ms)))
    conclusions += [
        f"{figure.name}: p50 {figure.percentile(50):.0f} ms, p95 {figure.percentile(95):.0f} ms"
        for figure in figures
    ]
    delay = [float(message["playout_delay_ms"]) for message in call.recording.stats_messages]
    figures += if_any("of it playout delay, on the server", "ms", delay)
    figures.append(Figure("words whose sound came late or never", "", (call.words.unmatched,)))
    return Answer(
        "live_latency: how long from the microphone to the sound and its frame?",
        tuple(figures),
        tuple(conclusions),
    )


if __name__ == "__main__":
    answer(latency, default_seconds=300)
