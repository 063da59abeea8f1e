from itertools import pairwise

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from server.config import VideoConfig, VoiceConfig
from server.encoders import PictureEncoder, VoiceEncoder
from server.sdp import VideoCodec
from streaming.rates import VOICE_CHUNK_SAMPLES

SIZE = 256


def picture(level: int) -> NDArray[np.uint8]:
    """A smooth gradient whose brightness is ``level`` on average."""
    ramp = np.linspace(-30, 30, SIZE)[:, None, None] + level
    return np.broadcast_to(ramp, (SIZE, SIZE, 3)).astype(np.uint8)


def config(**values: float) -> VideoConfig:
    return VideoConfig(size_px=SIZE, **values)  # type: ignore[arg-type]


DECODERS = {VideoCodec.H264: "h264", VideoCodec.VP8: "libvpx"}


@pytest.mark.parametrize("codec", VideoCodec)
def test_every_picture_comes_back_at_once_and_looks_the_same(codec: VideoCodec) -> None:
    encoder = PictureEncoder(codec, config())
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    for index, level in enumerate((60, 90, 120, 150)):
        coded = encoder.encode(picture(level), index)
        decoded = decoder.decode(av.Packet(coded.data))
        if codec is VideoCodec.H264:  # its parser gives a picture when the next one begins
            decoded += decoder.decode(None)
            decoder = av.CodecContext.create(DECODERS[codec], "r")
            assert isinstance(decoder, av.VideoCodecContext)
            encoder.request_keyframe()
        assert len(decoded) == 1
        assert decoded[0].to_ndarray(format="rgb24").mean() == pytest.approx(level, abs=3)


@pytest.mark.parametrize("codec", VideoCodec)
def test_key_frames_first_then_by_interval_then_on_request(codec: VideoCodec) -> None:
    encoder = PictureEncoder(codec, config(keyframe_interval_s=0.4))
    keys = []
    for index in range(40):
        if index == 15:
            encoder.request_keyframe()
        if encoder.encode(picture(50 + index), index).is_keyframe:
            keys.append(index)
    assert keys == [0, 10, 15, 25, 35]


def test_left_out_frames_do_not_move_the_interval() -> None:
    encoder = PictureEncoder(VideoCodec.H264, config(keyframe_interval_s=0.4))
    keys = [i for i in range(0, 40, 2) if encoder.encode(picture(i), i).is_keyframe]
    assert keys == [0, 10, 20, 30]


def test_h264_is_constrained_baseline() -> None:
    coded = PictureEncoder(VideoCodec.H264, config()).encode(picture(90), 0)
    at = coded.data.index(b"\x00\x00\x01\x67") + 4
    profile_idc, constraints = coded.data[at], coded.data[at + 1]
    assert profile_idc == 0x42
    assert constraints & 0x40, "constraint_set1_flag makes baseline constrained baseline"


@pytest.mark.parametrize("codec", VideoCodec)
def test_rate_is_held_for_noise(codec: VideoCodec) -> None:
    noise = np.random.default_rng(0)
    encoder = PictureEncoder(codec, config(bitrate_kbps=400, keyframe_interval_s=1))
    pictures = noise.integers(0, 255, (50, SIZE // 8, SIZE // 8, 3), np.uint8)
    size_bytes = [
        len(encoder.encode(p.repeat(8, 0).repeat(8, 1), i).data) for i, p in enumerate(pictures)
    ]
    assert sum(size_bytes) * 8 / 2 < 2 * 400_000


@pytest.mark.parametrize("codec", VideoCodec)
def test_without_regular_key_frames_there_are_those_that_are_needed(codec: VideoCodec) -> None:
    encoder = PictureEncoder(codec, config(keyframe_interval_s=0.4))
    encoder.has_regular_keyframes = False
    keys = []
    for index in range(80):
        match index:
            case 15:
                encoder.request_keyframe()
            case 30:
                encoder.change_rung(1)
            case 45:
                encoder.change_rung(0)
            case 60:
                encoder.has_regular_keyframes = True
        if encoder.encode(picture(50 + index), index).is_keyframe:
            keys.append(index)
    assert keys[:4] == [0, 15, 30, 45]
    assert {after - before for before, after in pairwise(keys[4:])} == {10}


@pytest.mark.parametrize("codec", VideoCodec)
def test_a_rung_down_is_taken_at_once_and_one_up_with_the_next_key_frame(codec: VideoCodec) -> None:
    noise = np.random.default_rng(0)
    encoder = PictureEncoder(codec, config(bitrate_kbps=1600, keyframe_interval_s=2))
    keys, size_bytes, rungs = [], [], []
    for index in range(200):
        if index == 60:
            encoder.change_rung(2)
        if index == 120:
            encoder.change_rung(0)
        pixels = noise.integers(0, 255, (SIZE // 8, SIZE // 8, 3), np.uint8)
        coded = encoder.encode(pixels.repeat(8, 0).repeat(8, 1), index)
        size_bytes.append(len(coded.data))
        rungs.append(coded.rung)
        if coded.is_keyframe:
            keys.append(index)
    assert keys == [0, 50, 60, 110, 160]
    assert rungs == [0] * 60 + [2] * 100 + [0] * 40
    full, low, again = (
        sum(size_bytes[part]) for part in (slice(0, 50), slice(60, 110), slice(160, None))
    )
    assert low < 0.5 * full
    assert again / 40 > 1.5 * low / 50


def test_what_a_recording_keeps_of_h264_is_the_same_on_all_rungs() -> None:
    def parameter_sets(rung: int) -> bytes:
        data = PictureEncoder(VideoCodec.H264, config(), rung=rung).encode(picture(90), 0).data
        at = data.index(b"\x00\x00\x01\x67")
        return data[at : data.index(b"\x00\x00\x01\x68", at) + 8]

    assert len({parameter_sets(rung) for rung in range(4)}) == 1


def test_picture_of_another_size_is_refused() -> None:
    encoder = PictureEncoder(VideoCodec.VP8, config())
    with pytest.raises(ValueError, match=r"\(8, 8, 3\), expected \(256, 256, 3\)"):
        encoder.encode(np.zeros((8, 8, 3), np.uint8), 0)


def test_voice_comes_back_with_its_pitch_and_loudness() -> None:
    encoder = VoiceEncoder(VoiceConfig())
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    times = np.arange(50 * VOICE_CHUNK_SAMPLES) / 48_000
    tone = (8000 * np.sin(2 * np.pi * 500 * times)).astype(np.int16)
    heard = []
    for chunk_index, chunk in enumerate(tone.reshape(-1, VOICE_CHUNK_SAMPLES, 1)):
        packet = encoder.encode(chunk, chunk_index * VOICE_CHUNK_SAMPLES)
        heard += [f.to_ndarray()[0] for f in decoder.decode(av.Packet(packet))]
    assert {samples.dtype for samples in heard} == {np.dtype(np.int16)}
    sound = np.concatenate(heard).astype(np.float64)[4800:43200]
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 48_000 / len(sound) == pytest.approx(500, abs=2)
    rms = float(np.sqrt(np.mean(np.square(tone[4800:43200].astype(np.float64)))))
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(rms, rel=0.1)


def test_chunk_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(480, 1\), expected \(960, 1\)"):
        VoiceEncoder(VoiceConfig()).encode(np.zeros((480, 1), np.int16), 0)


def test_intervals_are_even() -> None:
    encoder = PictureEncoder(VideoCodec.VP8, config(keyframe_interval_s=1))
    keys = [i for i in range(100) if encoder.encode(picture(i), i).is_keyframe]
    assert {b - a for a, b in pairwise(keys)} == {25}
