"""``likeness render``: a portrait and a recording to an MP4, by the same path as a call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model.avatar import Controls, HopRequest
from model.identity.identity import Identity
from model.rates import FPS
from server.inference import Animator
from streaming import offline
from streaming.config import StreamConfig
from streaming.rates import VOICE_RATE
from streaming.window import Hop

_VIDEO_OPTIONS = {"preset": "veryfast", "crf": "18"}
_VOICE_BITRATE_BPS = 128_000


class AudioFileError(Exception):
    """A recording that cannot be read; says what was found and, if so, how far it was readable."""


@dataclass(frozen=True)
class Rendered:
    """What was written: ``frames`` pictures; ``read_s`` of the recording, of ``stated_s``."""

    frames: int
    read_s: float
    stated_s: float | None
    damage: str | None


class Recording:
    """The sound of a media file, decoded chunk by chunk.

    Raises AudioFileError: not there, not a media file, no sound in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_s = 0.0
        self.damage: str | None = None
        try:
            self._container = av.open(str(path))
        except OSError as error:
            raise AudioFileError(f"cannot read {path}: {error.strerror}") from error
        except av.FFmpegError as error:
            raise AudioFileError(f"{path} is not a media file: {error}") from error
        if not self._container.streams.audio:
            self._container.close()
            raise AudioFileError(f"{path} has no sound, expected a recording of speech")
        stream = self._container.streams.audio[0]
        self.sample_rate = stream.codec_context.sample_rate
        self.stated_s: float | None = None
        if stream.duration is not None and stream.time_base is not None:
            self.stated_s = float(stream.duration * stream.time_base)

    def chunks(self) -> Iterator[NDArray[np.int16]]:
        """Yield (samples, channels) at ``sample_rate``, until the end or the first damage."""
        resampler = AudioResampler(format="s16", rate=self.sample_rate)
        try:
            for decoded in self._container.decode(audio=0):
                for sound in resampler.resample(decoded):
                    self.read_s += sound.samples / self.sample_rate
                    channels = sound.layout.nb_channels
                    yield sound.to_ndarray().astype(np.int16, copy=False).reshape(-1, channels)
        except av.FFmpegError as error:
            self.damage = str(error)
        finally:
            self._container.close()
        if self.read_s == 0.0:
            raise AudioFileError(f"{self.path} holds no sound that can be decoded: {self.damage}")
