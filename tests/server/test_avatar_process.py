"""The model in another process answers as it would in this one, and ends with it."""

import gc
import os
from collections.abc import Iterator
from functools import partial
from typing import cast

import numpy as np
import pytest
import torch

from model.avatar import AvatarState, Controls, HopRequest
from model.identity.identity import Identity
from server.avatar_calls import AvatarProcessError
from server.avatar_process import AvatarProcess
from server.model_process import ModelProcess
from tests.server.fakes import FakeAvatar, FakeIdentity

HOP_SAMPLES = 1280


@pytest.fixture(scope="module")
def avatar() -> Iterator[AvatarProcess]:
    with AvatarProcess(FakeAvatar) as process:
        yield process
        assert is_running(process.pid)
    assert not is_running(process.pid)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def load_only_in(pid: int) -> FakeAvatar:
    if os.getpid() != pid:
        raise ValueError("no such weights")
    return FakeAvatar()


def hops(state: AvatarState, seed: int, happy: float) -> list[HopRequest]:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((5, HOP_SAMPLES))
    controls = Controls("happy", happy)
    return [HopRequest(state, hop.astype(np.float32), controls, 2) for hop in samples]


def test_it_says_of_itself_what_the_local_one_does(avatar: AvatarProcess) -> None:
    local = FakeAvatar()
    for name in ("hop_frames", "lookahead_frames", "sound_lead_ms", "max_steps", "paints"):
        assert getattr(avatar, name) == getattr(local, name)
    assert avatar.identify(b"FACE\x07").size_px == local.identify(b"FACE\x07").size_px
    avatar.warm_up()


def test_sessions_advance_each_by_itself_as_they_would_here(avatar: AvatarProcess) -> None:
    local = FakeAvatar()
    remote_states, local_states = ([own.open(seed) for seed in (0, 1)] for own in (avatar, local))
    requests = [
        [hops(state, seed, happy=0.5 * seed) for seed, state in enumerate(states)]
        for states in (remote_states, local_states)
    ]
    for remote, here in zip(*(zip(*sessions, strict=True) for sessions in requests), strict=True):
        found, expected = avatar.animate(remote), local.animate(here)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("halved", [False, True])
def test_pictures_are_those_of_the_portrait_asked_for(avatar: AvatarProcess, halved: bool) -> None:
    motion, local = torch.tensor([[0.4, 0.6], [0.1, 0.0]]), FakeAvatar()
    for shade, painted in ((10, False), (200, True), (10, True)):
        portrait = FakeIdentity(shade)
        identity = cast(Identity, portrait.half if halved else portrait)
        state = avatar.open(0)
        found, expected = (
            own.render(identity, motion, state, painted=painted, mouth_gain=[0.5, 1.0])
            for own in (avatar, local)
        )
        np.testing.assert_array_equal(found, expected)
        cut = avatar.cut_out(identity, motion, found)
        np.testing.assert_array_equal(cut, local.cut_out(identity, motion, expected))
        # Another portrait may be where this one was in memory: it must not be taken for it.
        del portrait, identity
        gc.collect()


def test_what_fails_is_raised_here_and_the_next_call_is_answered(avatar: AvatarProcess) -> None:
    state = avatar.open(0)
    odd = HopRequest(state, np.zeros(HOP_SAMPLES + 1, np.float32), Controls(), 2)
    with pytest.raises(ValueError, match="reshape"):
        avatar.animate([odd])
    assert len(avatar.animate(hops(state, 0, 0.0)[:1])) == 1


def test_the_keyboard_s_interrupt_does_not_reach_it(avatar: AvatarProcess) -> None:
    assert os.getpgid(avatar.pid) != os.getpgid(0)


def test_a_process_that_is_killed_is_missed() -> None:
    process = ModelProcess()
    with AvatarProcess(FakeAvatar, process) as avatar:
        avatar.warm_up()
        alive = [avatar.is_alive]
        process.kill()
        alive.append(avatar.is_alive)
        assert alive == [True, False]
        with pytest.raises(AvatarProcessError, match="is gone"):
            avatar.warm_up()


def test_a_portrait_that_cannot_be_drawn_fails_alone(avatar: AvatarProcess) -> None:
    identity = cast(Identity, FakeIdentity(0))
    motion, state = torch.tensor([[0.4, 0.6]]), avatar.open(0)
    with pytest.raises(RuntimeError, match="TypeError: 'int' object"):
        avatar.render(identity, motion, state, mouth_gain=cast(list[float], 5))
    frames = avatar.render(identity, motion, state)
    with pytest.raises(RuntimeError, match="IndexError: too many indices"):
        avatar.cut_out(identity, motion, frames[0, 0, 0])
    assert len(avatar.cut_out(identity, motion, frames)) == 1


def test_a_bug_in_it_is_told_here_and_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    with AvatarProcess(FakeAvatar) as avatar:
        with pytest.raises(AvatarProcessError, match="AttributeError: 'int' object"):
            avatar.animate([cast(HopRequest, 5)])
        with pytest.raises(AvatarProcessError, match="is gone"):
            avatar.warm_up()
    assert "AttributeError" in capfd.readouterr().err


def test_one_that_cannot_start_tells_the_first_who_asks() -> None:
    with (
        AvatarProcess(partial(load_only_in, os.getpid())) as avatar,
        pytest.raises(AvatarProcessError, match="cannot start: no such weights"),
    ):
        avatar.warm_up()


def test_what_cannot_be_loaded_here_leaves_no_process() -> None:
    process = ModelProcess()
    with pytest.raises(ValueError, match="no such weights"):
        AvatarProcess(partial(load_only_in, 0), process)
    assert not is_running(process.pid)
