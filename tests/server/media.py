"""Coded media as a session would send it: a picture every 40 ms, a voice packet every 20 ms."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from server.config import TrustConfig, VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.sdp import VideoCodec
from tests.server.fakes import SIZE_PX

_PEAK = 8000
# RMS of the voice, of 1.
LOUDNESS = _PEAK / 32768 / 2**0.5


class Source:
    """``next`` codes 40 ms; a key frame comes every second."""

    def __init__(self, codec: VideoCodec) -> None:
        self.codec = codec
        self.index = 0
        self._pictures = PictureEncoder(
            codec,
            VideoConfig(size_px=SIZE_PX, keyframe_interval_s=1),
            # The tests count bytes of plain pictures.
            TrustConfig(watermark=False),
        )
        self._voice = VoiceEncoder(VoiceConfig())

    def next(self) -> tuple[EncodedFrame, int, list[tuple[bytes, int]]]:
        """A picture, its pts, and two packets of voice with theirs."""
        shade = np.full((SIZE_PX, SIZE_PX, 3), self.index * 3 % 250, np.uint8)
        picture = self._pictures.encode(shade, self.index)
        voice = []
        for pts in (self.index * 1920, self.index * 1920 + 960):
            tone = _PEAK * np.sin(2 * np.pi * 300 * (pts + np.arange(960)) / 48_000)
            voice.append((self._voice.encode(tone.astype(np.int16)[:, None], pts), pts))
        self.index += 1
        return picture, picture.index * 3600, voice

    def frames(self, count: int) -> Iterator[tuple[EncodedFrame, int, list[tuple[bytes, int]]]]:
        """The next ``count``."""
        return (self.next() for _ in range(count))


def stamps(path: Path, kind: str) -> list[Fraction]:
    """When each packet of a file is due, in seconds."""
    with av.open(str(path)) as container:
        return [
            packet.pts * packet.time_base
            for packet in container.demux(**{kind: 0})
            if packet.pts is not None
        ]


def decoded(path: Path) -> tuple[int, float]:
    """How many pictures can be decoded, and the RMS of the sound."""
    with av.open(str(path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    with av.open(str(path)) as container:
        sound = np.concatenate([s.to_ndarray().ravel() for s in container.decode(audio=0)])
    return pictures, float(np.sqrt(np.mean(sound.astype(float) ** 2)))
