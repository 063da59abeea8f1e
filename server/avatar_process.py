"""The model in a process of its own: drawing and the event loop do not wait for each other.

In one process each of a picture's hundreds of small operations takes the interpreter's lock anew;
beside a call's network traffic a picture then takes twice as long, and traffic waits, too.
"""

import contextlib
import itertools
import multiprocessing
import os
import pickle
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.avatar import Avatar, AvatarState, HopRequest
from model.identity.identity import Identity
from server.animator import Animator

_END_S = 5.0
# What a computation raises when it fails, and the caller shall know; see server.inference.
_FAILURES = (RuntimeError, ValueError)


class AvatarProcessError(Exception):
    """The model's process has ended: nothing can be computed any more."""


@dataclass(eq=False)
class _RemoteState:
    """What this process knows of a session's state: by which key and seed the other one has it."""

    key: int
    seed: int


@dataclass
class _Coming:
    """Pictures that were asked for: how many are still to be received, and those that were."""

    count: int = 0
    here: deque[Any] = field(default_factory=deque)


@dataclass(frozen=True)
class _Call:
    """A request: what to call with what, identities not sent before, and what to forget first."""

    method: str
    arguments: tuple[Any, ...]
    identities: dict[int, Identity]
    forgotten_identities: tuple[int, ...]
    forgotten_states: tuple[int, ...]


class AvatarProcess:
    """Implements ``Animator``. The process ends with the context, or with this process.

    ``load`` is called in both, and must be picklable: what it makes computes there, and identifies
    portraits here: that takes seconds, and hops shall not wait for it. What ``load`` raises here is
    raised. But for ``identify`` and ``open``, methods are for one thread at a time, and raise
    AvatarProcessError when the process has ended.
    """

    def __init__(self, load: Callable[[], Animator]) -> None:
        self._keys = itertools.count()
        self._sent: dict[int, int] = {}
        self._forgotten_identities: list[int] = []
        self._forgotten_states: list[int] = []
        self._coming = _Coming()
        self._connection, theirs = multiprocessing.Pipe()
        # Not multiprocessing.Process: it would import all of the server there, for seconds.
        program = f"from server.avatar_process import answer_calls; answer_calls({theirs.fileno()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=(theirs.fileno(),),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # Not the terminal's: Ctrl-C is for the server, which decides when it is done.
            process_group=0,
        )
        theirs.close()
        try:
            _send(self._connection, load)
            self._local = local = load()
        except BaseException:
            self._end()
            raise
        self.hop_frames = local.hop_frames
        self.lookahead_frames = local.lookahead_frames
        self.max_steps = local.max_steps
        self.paints = local.paints

    @property
    def pid(self) -> int:
        """Of the process that computes."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, after what it computes now."""
        self._end()

    def _end(self) -> None:
        self._connection.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def identify(self, image: bytes, size_px: int = 512) -> Identity:
        """See Animator."""
        return self._local.identify(image, size_px)

    def open(self, seed: int) -> AvatarState:
        """See Animator."""
        state = _RemoteState(next(self._keys), seed)
        weakref.finalize(state, self._forgotten_states.append, state.key)
        return cast(AvatarState, state)

    def animate(self, requests: Sequence[HopRequest]) -> list[Tensor]:
        """See Animator."""
        return [torch.from_numpy(motion) for motion in self._call("animate", (list(requests),), {})]

    def draw(
        self,
        identity: Identity,
        motion: Tensor,
        state: AvatarState,
        *,
        painted: bool = True,
        mouth_gain: Sequence[float] | None = None,
        together: bool = False,
    ) -> Iterator[NDArray[np.uint8]]:
        """See Animator."""
        key, unsent = self._key(identity)
        self._ask("draw", (key, motion.numpy(), state, painted, mouth_gain, together), unsent)
        coming = self._coming = _Coming(len(motion))
        while coming.count or coming.here:
            if not coming.here:
                self._receive_next(coming)
            yield cast(NDArray[np.uint8], _raised(coming.here.popleft()))

    def cut_out(
        self, identity: Identity, motion: Tensor, frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """See Animator."""
        key, unsent = self._key(identity)
        return cast(NDArray[np.uint8], self._call("cut_out", (key, motion.numpy(), frames), unsent))

    def warm_up(self) -> None:
        """See Animator."""
        self._call("warm_up", (), {})

    def _key(self, identity: Identity) -> tuple[int, dict[int, Identity]]:
        """By which key the other process knows it, and under which it is to be sent before."""
        if (key := self._sent.get(id(identity))) is not None:
            return key, {}
        key = self._sent[id(identity)] = next(self._keys)
        weakref.finalize(identity, self._forget_identity, id(identity), key)
        # Its half is sent by itself, when it is drawn.
        return key, {key: replace(identity, half=None)}

    def _forget_identity(self, python_id: int, key: int) -> None:
        del self._sent[python_id]
        self._forgotten_identities.append(key)

    def _call(
        self, method: str, arguments: tuple[Any, ...], identities: dict[int, Identity]
    ) -> Any:
        self._ask(method, arguments, identities)
        with _telling_that_it_is_gone():
            return _raised(_receive(self._connection))

    def _ask(
        self, method: str, arguments: tuple[Any, ...], identities: dict[int, Identity]
    ) -> None:
        call = _Call(
            method,
            arguments,
            identities,
            _taken(self._forgotten_identities),
            _taken(self._forgotten_states),
        )
        # Pictures that are asked for already come before what is asked now.
        while self._coming.count:
            self._receive_next(self._coming)
        with _telling_that_it_is_gone():
            _send(self._connection, call)

    def _receive_next(self, coming: "_Coming") -> None:
        with _telling_that_it_is_gone():
            answer = _receive(self._connection)
        # A failure is the last that comes.
        coming.count = 0 if isinstance(answer, Exception) else coming.count - 1
        coming.here.append(answer)


@contextlib.contextmanager
def _telling_that_it_is_gone() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise AvatarProcessError(
            "the model's process is gone, as if killed: restart the server"
        ) from error


class _Remote:
    """The other end: computes, and keeps what is known by its keys."""

    def __init__(self, avatar: Animator) -> None:
        self._avatar = avatar
        self._identities: dict[int, Identity] = {}
        self._states: dict[int, AvatarState] = {}

    def answers(self, call: _Call) -> Iterator[Any]:
        """One, or, where pictures are to be drawn, one for each."""
        for key in call.forgotten_identities:
            self._identities.pop(key, None)
        for key in call.forgotten_states:
            # A session that ended before its first hop has none here.
            self._states.pop(key, None)
        self._identities |= call.identities
        answer = getattr(self, call.method)(*call.arguments)
        if isinstance(answer, Iterator):
            yield from answer
        else:
            yield answer

    def animate(self, requests: list[HopRequest]) -> list[NDArray[np.float32]]:
        own = [replace(request, state=self._state(request.state)) for request in requests]
        return [motion.numpy() for motion in self._avatar.animate(own)]

    def draw(
        self,
        key: int,
        motion: NDArray[np.float32],
        state: AvatarState,
        painted: bool,
        mouth_gain: Sequence[float] | None,
        together: bool,
    ) -> Iterator[NDArray[np.uint8]]:
        return self._avatar.draw(
            self._identities[key],
            torch.from_numpy(motion),
            self._state(state),
            painted=painted,
            mouth_gain=mouth_gain,
            together=together,
        )

    def cut_out(
        self, key: int, motion: NDArray[np.float32], frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        return self._avatar.cut_out(self._identities[key], torch.from_numpy(motion), frames)

    def warm_up(self) -> None:
        self._avatar.warm_up()

    def _state(self, state: AvatarState) -> AvatarState:
        remote = cast(_RemoteState, state)
        if remote.key not in self._states:
            self._states[remote.key] = self._avatar.open(remote.seed)
        return self._states[remote.key]


def load_avatar(weights: Path, *, paints: bool, torch_threads: int) -> Avatar:
    """Read the weights, to compute with so many threads; see ``Avatar.load``."""
    torch.set_num_threads(torch_threads)
    cv2.setNumThreads(torch_threads)
    return Avatar.load(weights, paints=paints)


def answer_calls(file_descriptor: int) -> None:
    """Answer calls until the other end is closed, by intent or because its process is gone."""
    connection = Connection(file_descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        load = _receive(connection)
        try:
            remote = _Remote(load())
        except _FAILURES as error:
            # It failed in the other process, too, or the first call is told.
            _send(connection, AvatarProcessError(f"it cannot start: {error}"))
            return
        while True:
            call = _receive(connection)
            try:
                for answer in remote.answers(call):
                    _send(connection, answer)
            except _FAILURES as error:
                _send(connection, error)
            except OSError:
                raise  # nobody is there to be told
            except BaseException as error:
                _send(connection, AvatarProcessError(f"{type(error).__name__}: {error}"))
                raise


def _send(connection: Connection, content: Any) -> None:
    # Not Connection.send: torch would have it share tensors, file descriptor by file descriptor.
    connection.send_bytes(pickle.dumps(content, pickle.HIGHEST_PROTOCOL))


def _receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())


def _raised(answer: Any) -> Any:
    """The answer, raised if it is what went wrong."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def _taken(forgotten: list[int]) -> tuple[int, ...]:
    """Take all keys out, while other threads may add some."""
    return tuple(forgotten.pop() for _ in range(len(forgotten)))
