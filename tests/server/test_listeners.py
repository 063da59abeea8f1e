"""Who listens to a presenter: bounded, and let go when it does not keep up."""

import pytest

from server.listeners import Event, Listeners
from server.problems import Problem


async def test_a_listener_that_does_not_keep_up_is_let_go() -> None:
    listeners = Listeners()
    listener = listeners.join(Event("queue", {}))
    for _ in range(1001):
        listeners.tell(Event("paused", {}))
    assert len(listeners) == 0
    while listener.waiting.get_nowait() is not None:
        pass


async def test_listeners_are_bounded() -> None:
    listeners = Listeners()
    for _ in range(100):
        listeners.join(Event("queue", {}))
    with pytest.raises(Problem, match="100 listen already"):
        listeners.join(Event("queue", {}))
