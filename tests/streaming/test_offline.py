import numpy as np
import pytest

from streaming import Due, Hop, Stream, StreamConfig
from streaming.offline import play
from streaming.resample import lead_in
from tests.streaming.world import live, noise, packets


def played(dues: list[Due[int]]) -> tuple[list[int], "np.typing.NDArray[np.int16]"]:
    voice = np.concatenate([chunk.pcm[:, 0] for due in dues for chunk in due.voice])
    return [frame.index for due in dues for frame in due.frames], voice


@pytest.mark.parametrize("samples", [100, 48_000, 48_001, 95_999])
@pytest.mark.parametrize("chunk", [1024, 960, 48_000])
def test_a_recording_comes_out_whole_with_a_frame_for_every_40_ms(samples: int, chunk: int) -> None:
    pcm = noise(samples)
    chunks = [pcm[first : first + chunk] for first in range(0, samples, chunk)]
    dues = list(play(StreamConfig(), chunks, 48_000, lambda hop: hop.render_frames))
    frames, voice = played(dues)
    assert frames == list(range(-(-samples // 1920)))
    first = lead_in(48_000)
    np.testing.assert_array_equal(voice[first : first + samples], pcm[:, 0])
    assert not voice[first + samples :].any()
    assert len(voice) < first + samples + 960
    assert not any(frame.superseded for due in dues for frame in due.frames)


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 44_100])
def test_other_rates_keep_their_length(sample_rate: int) -> None:
    pcm = np.repeat(noise(sample_rate * 2), 2, axis=1)
    dues = list(play(StreamConfig(), [pcm], sample_rate, lambda hop: hop.render_frames))
    frames, voice = played(dues)
    assert frames == list(range(50))
    sound = np.flatnonzero(voice)
    assert sound[-1] - sound[0] == pytest.approx(96_000, abs=200)


def test_the_model_hears_the_same_as_live() -> None:
    pcm = noise(48_000 * 2)
    hops: list[Hop] = []

    def draw(hop: Hop) -> tuple[int, ...]:
        hops.append(hop)
        return hop.render_frames

    _, voice = played(list(play(StreamConfig(), [pcm], 48_000, draw)))
    diary = live(Stream[int](StreamConfig(), now=0.0), packets(pcm), until=2.0)
    heard = np.concatenate([hop.samples for hop in hops])
    np.testing.assert_array_equal(heard[: len(diary.heard())], diary.heard())
    np.testing.assert_array_equal(voice[: len(diary.played())], diary.played())
    assert all(hop.num_steps == StreamConfig().max_steps for hop in hops)


def test_an_empty_recording_has_no_frames() -> None:
    frames, _ = played(list(play(StreamConfig(), [], 48_000, lambda hop: hop.render_frames)))
    assert frames == []
