"""Reading a WAV file while it arrives (Microsoft/IBM, Multimedia Programming Interface, 1991)."""

import struct

import numpy as np
from numpy.typing import NDArray

_PCM, _EXTENSIBLE = 1, 0xFFFE
_MAX_HEADER_BYTES = 1 << 16
# Channels whose mean has less than this of the louder one's energy cancel each other out.
_LEAST_KEPT = 0.05


class WavError(ValueError):
    """Not a WAV file of 16-bit samples; says what was found."""


class WavStream:
    """``push`` bytes in pieces of any size; ``sample_rate`` is 0 until the header is there.

    The lengths that the header claims for all and for the samples are not believed: who streams
    does not know them.
    """

    def __init__(self) -> None:
        self.sample_rate = 0
        self._channels = 0
        self._in_data = False
        self._buffer = bytearray()
        # Of the first channel, the second one and their mean, so far.
        self._energies = np.zeros(3)

    def push(self, data: bytes) -> NDArray[np.int16]:
        """Return the samples that are complete now, (samples,).

        Of two channels the mean, or the louder one if they are each other's opposite.

        Raises WavError.
        """
        self._buffer += data
        if not self._in_data and not self._read_header():
            return np.zeros(0, np.int16)
        frame_bytes = 2 * self._channels
        whole = len(self._buffer) // frame_bytes * frame_bytes
        samples = np.frombuffer(bytes(self._buffer[:whole]), "<i2").reshape(-1, self._channels)
        del self._buffer[:whole]
        if self._channels == 1:
            return samples[:, 0].astype(np.int16)
        return self._one_of(samples)

    def _one_of(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Make one channel of two: (samples, 2) to (samples,)."""
        left, right = samples.T.astype(np.float64)
        mean = (left + right) / 2
        self._energies += [one @ one for one in (left, right, mean)]
        *channels, kept = self._energies
        if kept < _LEAST_KEPT * max(channels):
            mean = left if channels[0] >= channels[1] else right
        heard: NDArray[np.int16] = mean.astype(np.int16)
        return heard

    def _read_header(self) -> bool:
        """Take chunks off the buffer up to the samples; whether they are reached."""
        buffer, position = self._buffer, 12
        if len(buffer) < position:
            return False
        if buffer[:4] != b"RIFF" or buffer[8:12] != b"WAVE":
            raise WavError(f"found {bytes(buffer[:12])!r}, expected the head of a WAV file")
        while len(buffer) >= position + 8:
            name, size = struct.unpack_from("<4sI", buffer, position)
            body = position + 8
            if name == b"data":
                if not self.sample_rate:
                    raise WavError("found samples before their format, expected `fmt ` first")
                del buffer[:body]
                self._in_data = True
                return True
            if size > _MAX_HEADER_BYTES:
                raise WavError(f"found a chunk {name!r} of {size} bytes before the samples")
            if len(buffer) < body + size:
                return False
            if name == b"fmt ":
                self._read_format(bytes(buffer[body : body + size]))
            position = body + size + size % 2
        if position > _MAX_HEADER_BYTES:
            raise WavError(f"found no samples in {position} bytes")
        return False

    def _read_format(self, content: bytes) -> None:
        if len(content) < 16:
            raise WavError(f"found a format of {len(content)} bytes, expected 16 or more")
        code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
        if code not in (_PCM, _EXTENSIBLE) or bits != 16 or channels not in (1, 2) or not rate:
            raise WavError(
                f"found format {code}, {bits} bits, {channels} channels, {rate} Hz; expected PCM of"
                " 16 bits, one or two channels"
            )
        self.sample_rate, self._channels = rate, channels
