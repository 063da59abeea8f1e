"""Reading the sound of a recording, as far as it can be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from streaming.rates import VOICE_RATE

# Containers round durations; less than this missing is no damage.
_TOLERANCE_S = 0.25


class AudioFileError(Exception):
    """A recording that cannot be used; says what was found and what was expected."""


class Recording:
    """The first sound stream of a media file.

    ``read_s`` is what was decoded so far; ``stated_s`` the length that the file claims, if it does.
    ``source`` is its path, or the open file itself, then told as ``name``. ``demuxer`` is the one
    format it may have: for files of strangers, because FFmpeg knows some that name other files.
    Raises AudioFileError: not there, not a media file, no sound in it.
    """

    def __init__(
        self, source: Path | BinaryIO, *, name: str | None = None, demuxer: str | None = None
    ) -> None:
        self.name = name or str(source)
        self.read_s = 0.0
        self.stated_s: float | None = None
        self._damage: str | None = None
        self._is_cut_off = False
        try:
            file = str(source) if isinstance(source, Path) else source
            self._container = av.open(file, mode="r", format=demuxer)
        except (av.InvalidDataError, av.EOFError) as error:
            raise AudioFileError(
                f"{self.name} is not a recording that can be read (or is cut off before its sound):"
                " expected WAV, MP3, M4A, OGG, FLAC or another media file"
            ) from error
        except OSError as error:
            raise AudioFileError(f"cannot read {self.name}: {error.strerror}") from error
        if not self._container.streams.audio:
            self._container.close()
            raise AudioFileError(f"{self.name} has no sound, expected a recording of speech")
        stream = self._container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            self.stated_s = float(stream.duration * stream.time_base)

    @property
    def damage(self) -> str | None:
        """After ``chunks``: what is wrong with the file, None if all of it was read."""
        if self._damage is not None:
            return f"it is damaged after {self.read_s:.2f} s ({self._damage})"
        is_short = self.stated_s is not None and self.read_s < self.stated_s - _TOLERANCE_S
        if is_short or self._is_cut_off:
            return f"it is cut off after {self.read_s:.2f} s"
        return None

    def chunks(self) -> Iterator[NDArray[np.int16]]:
        """Yield (samples, 1) at 48 kHz, until the end or the first damage.

        Any rate and layout is converted, one that changes midway too. Raises AudioFileError when
        there is not one sample, or none that can be converted.
        """
        try:
            for sound in self._resampled():
                self.read_s += sound.samples / VOICE_RATE
                yield sound.to_ndarray().astype(np.int16, copy=False).reshape(-1, 1)
        except av.FFmpegError as error:
            self._damage = error.strerror or str(error)
        finally:
            self._container.close()
        if self.read_s == 0.0:
            raise AudioFileError(f"{self.name} holds no sound that can be decoded: record it again")

    def _resampled(self) -> Iterator[av.AudioFrame]:
        """Convert with one resampler per format: PyAV's refuses a frame unlike its first."""
        resampler: AudioResampler | None = None
        resampled: tuple[str, str, int] | None = None
        for decoded in self._decoded():
            found = decoded.format.name, decoded.layout.name, decoded.sample_rate
            if found != resampled:
                if resampler is not None:
                    yield from resampler.resample(None)
                resampler, resampled = AudioResampler("s16", "mono", VOICE_RATE), found
            assert resampler is not None
            # Stamps of damaged files jump; what counts is how much sound there is.
            decoded.pts = None
            try:
                yield from resampler.resample(decoded)
            except ValueError as error:
                raise AudioFileError(
                    f"{self.name} holds sound as {', '.join(map(str, found))} that cannot be"
                    f" converted ({error}): save it as WAV or MP3"
                ) from error
        if resampler is not None:
            yield from resampler.resample(None)

    def _decoded(self) -> Iterator[av.AudioFrame]:
        for packet in self._container.demux(audio=0):
            self._is_cut_off |= packet.is_corrupt
            yield from packet.decode()
