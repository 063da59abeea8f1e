import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streaming import microphone as microphone_module
from streaming.concealment import conceal
from streaming.microphone import Microphone
from tests.streaming.heard import CAPACITY, having_heard, mono, steepest, tone


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
