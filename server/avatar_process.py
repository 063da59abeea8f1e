"""The model in a process of its own: drawing and the event loop do not wait for each other.

In one process each of a picture's hundreds of small operations takes the interpreter's lock anew;
beside a call's network traffic a picture then takes twice as long, and traffic waits, too.
"""

import contextlib
import itertools
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.avatar import AvatarState, HopRequest
from model.identity.identity import Identity
from server.animator import Animator
from server.avatar_calls import AvatarProcessError, Call, RemoteState, receive, send
from server.model_process import ModelProcess


class AvatarProcess:
    """Implements ``Animator``. The process ends with the context, or with this process.

    ``load`` is called in both, and must be picklable: what it makes computes there, and identifies
    portraits here: that takes seconds, and hops shall not wait for it. What ``load`` raises here is
    raised. But for ``identify`` and ``open``, methods are for one thread at a time, and raise
    AvatarProcessError when the process has ended.
    """

    def __init__(self, load: Callable[[], Animator], process: ModelProcess | None = None) -> None:
        """Without a process that was begun before, begin one."""
        self._keys = itertools.count()
        self._sent: dict[int, int] = {}
        self._forgotten_identities: list[int] = []
        self._forgotten_states: list[int] = []
        self._process = process or ModelProcess()
        self._connection = self._process.connection
        try:
            send(self._connection, load)
            self._local = local = load()
        except BaseException:
            self._process.end()
            raise
        self.hop_frames = local.hop_frames
        self.lookahead_frames = local.lookahead_frames
        self.sound_lead_ms = local.sound_lead_ms
        self.max_steps = local.max_steps
        self.paints = local.paints

    @property
    def is_alive(self) -> bool:
        """See Animator."""
        return self._process.is_alive

    @property
    def pid(self) -> int:
        """Of the process that computes."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, after what it computes now."""
        self._process.end()

    def identify(self, image: bytes, size_px: int = 512) -> Identity:
        """See Animator."""
        return self._local.identify(image, size_px)

    def open(self, seed: int) -> AvatarState:
        """See Animator."""
        state = RemoteState(next(self._keys), seed)
        weakref.finalize(state, self._forgotten_states.append, state.key)
        return cast(AvatarState, state)

    def animate(self, requests: Sequence[HopRequest]) -> list[Tensor]:
        """See Animator."""
        return [torch.from_numpy(motion) for motion in self._call("animate", (list(requests),), {})]

    def render(
        self,
        identity: Identity,
        motion: Tensor,
        state: AvatarState,
        *,
        painted: bool = True,
        mouth_gain: Sequence[float] | None = None,
    ) -> NDArray[np.uint8]:
        """See Animator."""
        key, unsent = self._key(identity)
        arguments = (key, motion.numpy(), state, painted, mouth_gain)
        return cast(NDArray[np.uint8], self._call("render", arguments, unsent))

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
        call = Call(
            method,
            arguments,
            identities,
            _taken(self._forgotten_identities),
            _taken(self._forgotten_states),
        )
        with _telling_that_it_is_gone():
            send(self._connection, call)
            answer = receive(self._connection)
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextlib.contextmanager
def _telling_that_it_is_gone() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise AvatarProcessError(
            "the model's process is gone, as if killed: restart the server"
        ) from error


def _taken(forgotten: list[int]) -> tuple[int, ...]:
    """Take all keys out, while other threads may add some."""
    return tuple(forgotten.pop() for _ in range(len(forgotten)))
