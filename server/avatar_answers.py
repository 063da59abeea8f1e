"""What the model's process does: it answers the calls of ``server.avatar_process``."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from model.avatar import Avatar, AvatarState, HopRequest
from model.identity.identity import Identity
from server.animator import Animator
from server.avatar_calls import AvatarProcessError, Call, RemoteState, receive, send
from server.priority import prefer

# What a computation raises when it fails, and the caller shall know; see server.inference.
_FAILURES = (RuntimeError, ValueError)


class _Remote:
    """The other end: computes, and keeps what is known by its keys."""

    def __init__(self, avatar: Animator) -> None:
        self._avatar = avatar
        self._identities: dict[int, Identity] = {}
        self._states: dict[int, AvatarState] = {}

    def answer(self, call: Call) -> Any:
        """Call the method and return its result, or raise what it raises."""
        for key in call.forgotten_identities:
            self._identities.pop(key, None)
        for key in call.forgotten_states:
            # A session that ended before its first hop has none here.
            self._states.pop(key, None)
        self._identities |= call.identities
        return getattr(self, call.method)(*call.arguments)

    def animate(self, requests: list[HopRequest]) -> list[NDArray[np.float32]]:
        own = [replace(request, state=self._state(request.state)) for request in requests]
        return [motion.numpy() for motion in self._avatar.animate(own)]

    def render(
        self,
        key: int,
        motion: NDArray[np.float32],
        state: AvatarState,
        painted: bool,
        mouth_gain: Sequence[float] | None,
    ) -> NDArray[np.uint8]:
        identity, own = self._identities[key], self._state(state)
        with _failing_alone():
            return self._avatar.render(
                identity, torch.from_numpy(motion), own, painted=painted, mouth_gain=mouth_gain
            )

    def cut_out(
        self, key: int, motion: NDArray[np.float32], frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        identity = self._identities[key]
        with _failing_alone():
            return self._avatar.cut_out(identity, torch.from_numpy(motion), frames)

    def warm_up(self) -> None:
        self._avatar.warm_up()

    def _state(self, state: AvatarState) -> AvatarState:
        remote = cast(RemoteState, state)
        if remote.key not in self._states:
            self._states[remote.key] = self._avatar.open(remote.seed)
        return self._states[remote.key]


@contextlib.contextmanager
def _failing_alone() -> Iterator[None]:
    """Say as a failure whatever drawing one portrait raises.

    An odd one, cv2.error for one, is no reason to end the process of all the others.
    """
    try:
        yield
    except _FAILURES:
        raise
    except Exception as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def load_avatar(weights: Path, *, paints: bool, torch_threads: int, nice: int) -> Avatar:
    """Read the weights, to compute with so many threads, ``nice`` as of nice(1).

    See ``Avatar.load``.
    """
    prefer(nice)
    torch.set_num_threads(torch_threads)
    cv2.setNumThreads(torch_threads)
    return Avatar.load(weights, paints=paints)


def answer_calls(file_descriptor: int) -> None:
    """Answer calls until the other end is closed, by intent or because its process is gone."""
    connection = Connection(file_descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        load = receive(connection)
        try:
            remote = _Remote(load())
        except _FAILURES as error:
            # It failed in the other process, too, or the first call is told.
            send(connection, AvatarProcessError(f"it cannot start: {error}"))
            return
        while True:
            call = receive(connection)
            try:
                send(connection, remote.answer(call))
            except _FAILURES as error:
                send(connection, error)
            except OSError:
                raise  # nobody is there to be told
            except BaseException as error:
                send(connection, AvatarProcessError(f"{type(error).__name__}: {error}"))
                raise
