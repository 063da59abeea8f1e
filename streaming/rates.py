"""The rates of what comes in and goes out, derived once from the model's."""

from model.rates import FPS, SAMPLE_RATE


def exact_div(numerator: int, denominator: int) -> int:
    """Divide without a remainder; raise ValueError when there is one."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder:
        raise ValueError(f"{numerator} does not divide by {denominator}: choose rates that do")
    return quotient


VOICE_RATE = 48_000
"""Hz of the voice, in and out: WebRTC's Opus (RFC 7587, section 4.1). Every position is in it."""

VOICE_CHUNK_SAMPLES = exact_div(VOICE_RATE * 20, 1000)
"""Samples of one voice chunk: 20 ms, one Opus packet."""

VOICE_SAMPLES_PER_FRAME = exact_div(VOICE_RATE, FPS)
"""Samples of voice that are heard while one video frame is seen."""

VOICE_SAMPLES_PER_HEARD = exact_div(VOICE_RATE, SAMPLE_RATE)
"""Samples of voice per sample that the model hears."""

VIDEO_CLOCK_RATE = 90_000
"""Hz of a video frame's pts (RFC 3551, section 5)."""

VIDEO_TICKS_PER_FRAME = exact_div(VIDEO_CLOCK_RATE, FPS)
"""Ticks of the video clock per frame."""


def samples_to_ms(samples: int) -> float:
    """Return how long `samples` of voice last, in milliseconds."""
    return samples * 1000 / VOICE_RATE


def ms_to_samples(duration_ms: float) -> int:
    """Return how many samples of voice last `duration_ms`, rounded."""
    return round(duration_ms * VOICE_RATE / 1000)
