"""The same stream for a whole recording: live, but with a clock that only turns when asked."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streaming.config import StreamConfig
from streaming.playout import Due
from streaming.rates import VOICE_SAMPLES_PER_FRAME
from streaming.resample import lead_in, voice_samples
from streaming.stream import Stream
from streaming.window import Hop

T = TypeVar("T")


def play(
    config: StreamConfig,
    chunks: Iterable[NDArray[np.int16]],
    sample_rate: int,
    draw: Callable[[Hop], Iterable[T]],
) -> Iterator[Due[T]]:
    """Yield all voice and frames of a recording, as a session without jitter would release them.

    `chunks` are (samples, channels) of any length. `draw` makes the frames of one hop. The result
    ends with the last chunk that has sound and the last frame that starts within the recording,
    whose first sample is at position `lead_in(sample_rate)`: 1.5 ms at 48 kHz. Raises ValueError
    as `Stream.push_audio` does.
    """
    stream = Stream[T](config, now=0.0)
    packet = sample_rate // 50
    pushed = 0

    def advance(piece: NDArray[np.int16]) -> Due[T]:
        nonlocal pushed
        pts = voice_samples(pushed, sample_rate)
        pushed += len(piece)
        now = pushed / sample_rate
        stream.push_audio(piece, pts, sample_rate, now)
        while hop := stream.due_hop(now):
            for index, frame in zip(hop.render_frames, draw(hop), strict=True):
                stream.put_frame(hop, index, frame, now)
            stream.finish_hop(hop, now)
        return stream.pop_due(now)

    for piece in _split(chunks, packet):
        yield advance(piece)

    length = voice_samples(pushed, sample_rate)
    end_of_voice = lead_in(sample_rate) + length
    silence = np.zeros((packet, 1), np.int16)
    due = Due[T]()
    while not due.voice or due.voice[-1].pts < end_of_voice:
        due = advance(silence)
        yield Due(
            [chunk for chunk in due.voice if chunk.pts < end_of_voice],
            [frame for frame in due.frames if frame.index * VOICE_SAMPLES_PER_FRAME < length],
        )


def _split(chunks: Iterable[NDArray[np.int16]], samples: int) -> Iterator[NDArray[np.int16]]:
    for chunk in chunks:
        for start in range(0, len(chunk), samples):
            yield chunk[start : start + samples]
