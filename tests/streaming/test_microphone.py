import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streaming.microphone import Microphone
from streaming.resample import voice_samples
from tests.streaming.heard import CAPACITY, having_heard, mono, tone


def test_what_did_not_arrive_is_silence_of_the_right_length() -> None:
    pcm = mono(10 * 960)
    microphone = having_heard(pcm, 3, 4, 5, 6)
    expected = pcm.copy()
    expected[3 * 960 : 7 * 960] = 0
    np.testing.assert_array_equal(microphone.read(0, len(pcm)), expected)
    heard = microphone.heard(0, len(pcm))
    assert heard.sum() == 6 * 960
    assert not heard[3 * 960 : 7 * 960].any()
    assert not microphone.concealed(0, len(pcm)).any()


@settings(deadline=None)
@given(st.permutations(range(10)), st.lists(st.integers(0, 9), max_size=5), st.booleans())
def test_order_and_duplicates_do_not_matter(
    order: list[int], again: list[int], read_between: bool
) -> None:
    microphone = Microphone(CAPACITY)
    pcm = mono(9600)
    for index in [*order, *again]:
        microphone.push(pcm[index * 960 : index * 960 + 960], 48_000, index * 960, 0)
        if read_between:
            microphone.read(0, 9600)
    np.testing.assert_array_equal(microphone.read(0, 9600), pcm)
    assert microphone.heard(0, 9600).all()
    assert not microphone.concealed(0, 9600).any()
    assert microphone.late_samples == 0


def test_what_arrives_after_it_was_played_is_dropped_and_counted() -> None:
    microphone = Microphone(CAPACITY)
    pcm = mono(960)
    microphone.push(pcm, 48_000, 0, played_until=200)
    assert microphone.late_samples == 200
    np.testing.assert_array_equal(microphone.read(200, 760), pcm[200:])
    microphone.push(pcm, 48_000, 0, played_until=5000)
    assert microphone.late_samples == 200 + 960
    assert not microphone.read(0, 200).any()


def test_it_keeps_no_more_than_its_capacity() -> None:
    microphone = Microphone(CAPACITY)
    for index in range(500):
        microphone.push(mono(960, index), 48_000, index * 960, 0)
    newest = 500 * 960
    assert microphone.heard(0, newest).sum() == CAPACITY
    assert microphone.heard(newest - CAPACITY, CAPACITY).all()
    np.testing.assert_array_equal(microphone.read(newest - 960, 960), mono(960, 499))


def test_a_jump_far_ahead_leaves_silence_behind() -> None:
    microphone = Microphone(CAPACITY)
    microphone.push(mono(960), 48_000, 0, 0)
    microphone.forget(10 * CAPACITY)
    microphone.push(mono(960), 48_000, 10 * CAPACITY + 960, 0)
    assert not microphone.read(10 * CAPACITY, 960).any()
    np.testing.assert_array_equal(microphone.read(10 * CAPACITY + 960, 960), mono(960))


def test_forgotten_sound_is_gone() -> None:
    microphone = Microphone(CAPACITY)
    microphone.push(mono(960), 48_000, 0, 0)
    microphone.forget(500)
    assert microphone.heard(0, 960).sum() == 460
    assert not microphone.read(0, 500).any()


def pushed_in_chunks(
    pcm: NDArray[np.int16], lengths: list[int], sample_rate: int
) -> NDArray[np.int16]:
    microphone = Microphone(CAPACITY)
    first = 0
    for length in lengths:
        if first >= len(pcm):
            break
        chunk = pcm[first : first + length]
        microphone.push(chunk, sample_rate, voice_samples(first, sample_rate), 0)
        first += length
    return microphone.read(0, voice_samples(len(pcm), sample_rate) - 200)


@settings(deadline=None)
@given(
    sample_rate=st.sampled_from([8_000, 44_100, 48_000]),
    lengths=st.lists(st.integers(1, 1500), min_size=1, max_size=30),
)
def test_any_chunking_gives_the_same_sound(sample_rate: int, lengths: list[int]) -> None:
    pcm = mono(6000)
    whole = pushed_in_chunks(pcm, [6000], sample_rate)
    np.testing.assert_array_equal(pushed_in_chunks(pcm, [*lengths, 6000], sample_rate), whole)


def test_rounded_pts_never_break_a_resampled_run() -> None:
    # 1024 samples at 44.1 kHz are 1114.56 at 48 kHz: ten seconds of roundings.
    microphone = Microphone(CAPACITY * 20)
    pcm = mono(441_000)
    for first in range(0, len(pcm), 1024):
        chunk = pcm[first : first + 1024]
        microphone.push(chunk, 44_100, voice_samples(first, 44_100), 0)
    whole = Microphone(CAPACITY * 20)
    whole.push(pcm, 44_100, 0, 0)
    np.testing.assert_array_equal(microphone.read(0, 470_000), whole.read(0, 470_000))


def test_a_gap_in_resampled_sound_is_silence_of_the_right_length() -> None:
    microphone = Microphone(CAPACITY)
    microphone.push(mono(160), 8_000, 0, 0)
    microphone.push(mono(160), 8_000, 1920, 0)
    heard = microphone.heard(0, 1920)
    assert heard[:960].all()
    assert not heard[960:].any()
    assert microphone.heard(1920, 800).all()


def test_a_changed_sample_rate_begins_a_new_run() -> None:
    microphone = Microphone(CAPACITY)
    microphone.push(mono(160), 8_000, 0, 0)
    microphone.push(mono(320), 16_000, 960, 0)
    assert microphone.heard(0, 1800).all()


@pytest.mark.parametrize("sample_rate", [48_000, 24_000])
def test_a_hush_fades_out_within_5_ms_and_leaves_no_gap(sample_rate: int) -> None:
    microphone = Microphone(CAPACITY)
    pcm = np.full(sample_rate // 10, 10_000, np.int16)
    microphone.push(pcm, sample_rate, 0, 0)
    microphone.hush(960)
    left = microphone.read(0, 4800)
    np.testing.assert_allclose(left[100:960], 10_000, atol=200)
    fade = left[960:1200].astype(int)
    assert 9_800 < fade[0] <= 10_200
    assert (np.diff(fade) <= 50).all()
    assert not left[1200:].any()
    assert microphone.heard(0, 4700).all()


def test_what_comes_after_a_hush_is_heard_from_its_first_sample() -> None:
    microphone = Microphone(CAPACITY)
    microphone.push(mono(960), 48_000, 0, 0)
    microphone.hush(480)
    pcm = mono(960, seed=1)
    microphone.push(pcm, 48_000, 960, 480)
    np.testing.assert_array_equal(microphone.read(960, 960), pcm)


def test_a_hush_after_all_sound_has_left_changes_nothing() -> None:
    microphone = Microphone(CAPACITY)
    pcm = mono(960)
    microphone.push(pcm, 48_000, 0, 0)
    microphone.hush(960)
    np.testing.assert_array_equal(microphone.read(0, 960), pcm)
    microphone.hush(10 * CAPACITY)
    np.testing.assert_array_equal(microphone.read(0, 960), pcm)


def test_what_is_concealed_is_hushed_with_the_rest() -> None:
    microphone = having_heard(mono(9600), 4)
    microphone.read(0, 9600)
    microphone.hush(4 * 960)
    assert not microphone.voice(4 * 960, 9600)[240:].any()


@pytest.mark.parametrize("hushed_at", [0, 3000, 4 * 960, 4 * 960 + 100, 6 * 960])
def test_no_hole_brings_back_what_was_hushed(hushed_at: int) -> None:
    pcm = mono(9600)
    microphone = having_heard(pcm[: 8 * 960], 4)
    microphone.hush(hushed_at)
    # 8 is lost, too, and then somebody else speaks.
    microphone.push(tone(4800), 48_000, 9 * 960, hushed_at)
    assert not microphone.read(0, 9 * 960)[hushed_at + 240 :].any()
    assert not microphone.read(4 * 960, 960).any()


def test_after_a_hush_holes_are_concealed_again() -> None:
    microphone = having_heard(mono(1920))
    microphone.hush(960)
    pcm = tone(9600)
    for index in (0, 1, 3, 4):
        packet = pcm[index * 960 : index * 960 + 960]
        microphone.push(packet, 48_000, 1920 + index * 960, 960)
    np.testing.assert_allclose(microphone.read(1920, 4800), pcm[:4800], atol=30)
