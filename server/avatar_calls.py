"""What goes between the server and the model's process."""

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from model.identity.identity import Identity


class AvatarProcessError(Exception):
    """The model's process has ended: nothing can be computed any more."""


@dataclass(eq=False)
class RemoteState:
    """Stands for a session's state, which the model's process has under `key`, made of `seed`."""

    key: int
    seed: int


@dataclass(frozen=True)
class Call:
    """A request: what to call with what, identities not sent before, and what to forget first."""

    method: str
    arguments: tuple[Any, ...]
    identities: dict[int, Identity]
    forgotten_identities: tuple[int, ...]
    forgotten_states: tuple[int, ...]


def send(connection: Connection, content: Any) -> None:
    """Send what can be pickled."""
    # Not Connection.send: torch would have it share tensors, file descriptor by file descriptor.
    connection.send_bytes(pickle.dumps(content, pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    """Receive what the other end sent; raises EOFError when it is closed."""
    return pickle.loads(connection.recv_bytes())
