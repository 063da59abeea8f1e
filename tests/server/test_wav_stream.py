import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wav_stream import WavError, WavStream


def wav(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]], rate: int = 24_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(samples.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


@given(st.lists(st.integers(1, 60), min_size=1), st.integers(1, 2))
def test_pieces_of_any_size_give_all_samples(sizes: list[int], channels: int) -> None:
    samples = np.arange(500 * channels, dtype=np.int16).reshape(500, channels)
    stream, content = WavStream(), wav(samples)
    got: list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]] = []
    position = 0
    while position < len(content):
        size = sizes[len(got) % len(sizes)]
        got.append(stream.push(content[position : position + size]))
        position += size
    assert stream.sample_rate == 24_000
    np.testing.assert_array_equal(np.concatenate(got), samples.mean(axis=1).astype(np.int16))


def test_channels_that_cancel_each_other_out_are_still_heard() -> None:
    """As a microphone's do whose plug is wired as balanced, not as stereo."""
    voice = (3000 * np.sin(np.arange(2000) / 10)).astype(np.int16)
    for left, right, expected in (
        (voice, -voice, voice),
        (voice // 4 * 3, -voice, -voice),
        (voice, 0 * voice, voice / 2),
        (voice, voice, voice),
    ):
        heard = WavStream().push(wav(np.stack([left, right], axis=1)))
        np.testing.assert_allclose(heard, expected, atol=1)


def test_other_chunks_and_lengths_that_nobody_knew_are_passed_over() -> None:
    content = wav(np.full((10, 1), 7, np.int16))
    head, data = content[:36], content[44:]
    listed = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    stream = WavStream()
    streamed = stream.push(head + listed + b"data" + struct.pack("<I", 0xFFFFFFFF) + data)
    assert streamed.tolist() == [7] * 10


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"ID3\x04 this is an mp3", "ID3"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "before their format"),
        (b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\x7f", "LIST"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0ab", "format of 2 bytes"),
        (
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 3, 1, 8000, 0, 4, 32),
            "format 3, 32 bits, 1 channels, 8000 Hz",
        ),
    ],
)
def test_what_is_no_wav_is_told(content: bytes, found: str) -> None:
    with pytest.raises(WavError, match=found):
        WavStream().push(content)
