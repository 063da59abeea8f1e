import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streaming import microphone as microphone_module
from streaming.concealment import conceal
from streaming.microphone import Microphone, to_mono
from streaming.resample import voice_samples
from tests.streaming.world import noise

CAPACITY = 48_000


def mono(samples: int, seed: int = 0) -> NDArray[np.int16]:
    return noise(samples, seed)[:, 0]


def tone(samples: int) -> NDArray[np.int16]:
    """A sine of 250 Hz: 192 samples a period, 5 periods a packet."""
    sine = 10_000 * np.sin(2 * np.pi * np.arange(samples) / 192)
    pcm: NDArray[np.int16] = np.rint(sine).astype(np.int16)
    return pcm


def having_heard(pcm: NDArray[np.int16], *lost: int) -> Microphone:
    """A microphone that has heard `pcm` (samples,) in packets, but for those that were lost."""
    microphone = Microphone(CAPACITY)
    for index, first in enumerate(range(0, len(pcm), 960)):
        if index not in lost:
            microphone.push(pcm[first : first + 960], 48_000, first, 0)
    return microphone


def steepest(pcm: NDArray[np.int16]) -> int:
    return int(np.abs(np.diff(pcm.astype(int))).max())


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


@pytest.mark.parametrize("lost", [[3], [3, 4], [3, 4, 5]])
def test_a_short_hole_is_concealed_for_both_readers(lost: list[int]) -> None:
    pcm = tone(10 * 960)
    microphone = having_heard(pcm, *lost)
    read = microphone.read(0, len(pcm))
    np.testing.assert_allclose(read, pcm, atol=30)
    np.testing.assert_array_equal(microphone.voice(0, len(pcm) - 960), read[:-960])
    hole = np.zeros(len(pcm), bool)
    hole[3 * 960 : (lost[-1] + 1) * 960] = True
    np.testing.assert_array_equal(microphone.concealed(0, len(pcm)), hole)
    np.testing.assert_array_equal(microphone.heard(0, len(pcm)), ~hole)


@pytest.mark.parametrize("samples", [1, 7, 960, 4000])
def test_a_hole_is_concealed_as_a_whole_whatever_is_read_of_it(samples: int) -> None:
    pcm = mono(10 * 960)
    whole = having_heard(pcm, 4, 5).read(0, len(pcm))
    np.testing.assert_array_equal(
        whole[4 * 960 : 6 * 960], conceal(pcm[2880:3840], pcm[5760:6720], 1920)
    )
    microphone = having_heard(pcm, 4, 5)
    first = 5 * 960 - 1
    np.testing.assert_array_equal(microphone.read(first, samples), whole[first : first + samples])
    np.testing.assert_array_equal(microphone.read(0, len(pcm)), whole)


def test_a_hole_is_analysed_once_and_nothing_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def counted(
        before: NDArray[np.int16], after: NDArray[np.int16], samples: int
    ) -> NDArray[np.int16]:
        lengths.append(samples)
        return conceal(before, after, samples)

    monkeypatch.setattr(microphone_module, "conceal", counted)
    pcm = mono(20 * 960)
    for lost, expected in (((), []), ((3, 8, 9), [960, 1920])):
        microphone = having_heard(pcm, *lost)
        for first in range(0, len(pcm) - 1920, 240):
            microphone.read(first, 1920)
            microphone.voice(first, 240)
        assert lengths == expected


@pytest.mark.parametrize(
    "lost", [[0], [0, 1], [9], [8, 9], [2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
)
def test_a_hole_without_an_end_or_too_long_is_silence(lost: list[int]) -> None:
    microphone = having_heard(mono(9600), *lost)
    read = microphone.read(-9600, 3 * 9600)[9600:19200].reshape(10, 960)
    assert not read[lost].any()
    assert not microphone.concealed(-9600, 3 * 9600).any()


@pytest.mark.parametrize(("before", "after"), [(959, 960), (960, 959)])
def test_too_little_sound_beside_a_hole_does_not_tell_what_was_in_it(
    before: int, after: int
) -> None:
    microphone = Microphone(CAPACITY)
    microphone.push(mono(before), 48_000, 2000 - before, 0)
    microphone.push(mono(after), 48_000, 2960, 0)
    assert not microphone.read(2000, 960).any()
    microphone.push(mono(1), 48_000, 2000 - before - 1, 0)
    microphone.push(mono(1), 48_000, 2960 + after, 0)
    assert microphone.read(2000, 960).any()


def test_silence_on_both_sides_stays_silence() -> None:
    pcm = np.zeros(4800, np.int16)
    assert not having_heard(pcm, 2).read(0, 4800).any()


def test_a_hole_is_concealed_when_its_other_side_has_come() -> None:
    pcm = tone(4800)
    microphone = having_heard(pcm[: 2 * 960])
    assert not microphone.read(2 * 960, 960).any()
    microphone.push(pcm[3 * 960 :], 48_000, 3 * 960, 0)
    np.testing.assert_allclose(microphone.read(0, 4800), pcm, atol=30)


def test_what_was_played_as_silence_stays_silence() -> None:
    pcm = tone(4800)
    microphone = having_heard(pcm[: 2 * 960])
    played = [microphone.voice(0, 2 * 960)]
    microphone.push(pcm[3 * 960 :], 48_000, 3 * 960, 2 * 960)
    played.append(microphone.voice(2 * 960, 2 * 960))
    assert not played[1][:960].any()
    assert steepest(np.concatenate(played)) <= steepest(pcm) + 10_000 // 240


def test_what_is_concealed_moves_and_is_forgotten_with_the_rest() -> None:
    microphone = Microphone(CAPACITY)
    pcm = mono(960)
    for index in range(500):
        if index % 5:
            microphone.push(pcm, 48_000, index * 960, 0)
            microphone.read((index - 2) * 960, 960)
    newest = 500 * 960
    concealed = microphone.concealed(0, newest)
    assert concealed.sum() == CAPACITY // 5
    assert not (concealed & microphone.heard(0, newest)).any()
    assert (concealed | microphone.heard(0, newest))[-CAPACITY:].all()


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


@settings(deadline=None)
@given(st.permutations(range(10)), st.integers(0, 10), st.lists(st.booleans(), min_size=10))
def test_what_was_read_before_does_not_matter(
    order: list[int], arrived: int, read: list[bool]
) -> None:
    pcm = mono(9600)
    microphone = Microphone(CAPACITY)
    for index, read_now in zip(order[:arrived], read, strict=False):
        microphone.push(pcm[index * 960 : index * 960 + 960], 48_000, index * 960, 0)
        if read_now:
            microphone.read(0, 9600)
    at_once = having_heard(pcm, *order[arrived:])
    np.testing.assert_array_equal(microphone.read(0, 9600), at_once.read(0, 9600))


def test_what_arrives_after_it_was_played_is_dropped_and_counted() -> None:
    microphone = Microphone(CAPACITY)
    pcm = mono(960)
    microphone.push(pcm, 48_000, 0, played_until=200)
    assert microphone.late_samples == 200
    np.testing.assert_array_equal(microphone.read(200, 760), pcm[200:])
    microphone.push(pcm, 48_000, 0, played_until=5000)
    assert microphone.late_samples == 200 + 960
    assert not microphone.read(0, 200).any()


def test_a_late_packet_takes_the_place_of_what_was_concealed() -> None:
    pcm = mono(9600)
    microphone = having_heard(pcm, 4)
    assert microphone.read(4 * 960, 960).any()
    microphone.push(pcm[4 * 960 : 5 * 960], 48_000, 4 * 960, 4 * 960)
    np.testing.assert_array_equal(microphone.read(0, 9600), pcm)
    assert not microphone.concealed(0, 9600).any()


@pytest.mark.parametrize("late", [4, 5])
def test_what_is_being_played_passes_into_a_packet_that_comes_late(late: int) -> None:
    # Of another sound, so that it cannot follow by chance.
    pcm = tone(9600)
    other = np.rint(12_000 * np.cos(2 * np.pi * np.arange(960) / 150)).astype(np.int16)
    microphone = having_heard(pcm, 4, 5)
    played_until = max(late * 960, 4 * 960 + 300)
    played = microphone.voice(0, played_until)
    microphone.push(other, 48_000, late * 960, played_until)
    left = microphone.voice(played_until, 9600 - 960 - played_until)
    joint = np.concatenate([played[-240:], left[:600]])
    assert steepest(joint) <= max(steepest(pcm), steepest(other)) + 24_000 // 240
    # Packet 5 is concealed no more without 20 ms of packet 4: it is faded towards.
    passed = other[played_until + 240 - late * 960 : -240]
    np.testing.assert_array_equal(left[240 : 240 + len(passed)], passed)


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


def test_channels_are_averaged_without_overflow() -> None:
    stereo = np.array([[32767, 32767], [-32768, -32768], [100, -100], [3, 0]], np.int16)
    np.testing.assert_array_equal(to_mono(stereo), [32767, -32768, 0, 2])
    np.testing.assert_array_equal(to_mono(stereo[:, :1]), stereo[:, 0])


def test_channels_that_cancel_each_other_are_heard_still() -> None:
    left = mono(960)
    reversed_side = np.stack([left // 2, -left], axis=1)
    np.testing.assert_array_equal(to_mono(np.stack([left, -left], axis=1)), left)
    half_cancelled = np.rint(reversed_side.mean(axis=1)).astype(np.int16)
    np.testing.assert_array_equal(to_mono(reversed_side), half_cancelled)


def test_of_channels_that_cancel_each_other_it_is_always_the_same() -> None:
    # As a codec leaves them: each a little off, so that now this one is louder, now that one.
    left = mono(50 * 960) // 2
    stereo = np.stack([left + mono(len(left), 1) // 200, mono(len(left), 2) // 200 - left], axis=1)
    packets = stereo.reshape(50, 960, 2)
    heard = np.concatenate([to_mono(packet) for packet in packets])
    np.testing.assert_array_equal(heard, stereo[:, 0])


def test_of_channels_that_cancel_each_other_a_quiet_one_is_not_taken() -> None:
    left = mono(960) // 2
    quiet = np.zeros_like(left)
    np.testing.assert_array_equal(to_mono(np.stack([quiet, left, -left], axis=1)), left)


def test_one_loud_channel_of_eight_is_averaged() -> None:
    pcm = np.zeros((960, 8), np.int16)
    pcm[:, 3] = 800
    np.testing.assert_array_equal(to_mono(pcm), np.full(960, 100))


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros((960, 1), np.float32),
        np.zeros(960, np.int16),
        np.zeros((0, 1), np.int16),
        np.zeros((960, 0), np.int16),
    ],
)
def test_other_sound_than_int16_samples_by_channels_is_refused(pcm: NDArray[np.int16]) -> None:
    with pytest.raises(ValueError, match="expected int16"):
        to_mono(pcm)


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
