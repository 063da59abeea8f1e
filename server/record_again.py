"""Where everything is recorded: the next recording after one that ended before it was stopped."""

import asyncio
from collections.abc import Callable

from server.problems import Problem
from server.recorder import TOO_LONG
from server.recordings import Recordings

# After what is wrong with the disk, which somebody may mend meanwhile.
_RETRY_S = 60.0


class RecordAgain:
    """Calls ``begin`` when it is time for the next. For the event loop."""

    def __init__(self, recordings: Recordings, begin: Callable[[], object]) -> None:
        self._recordings = recordings
        self._begin = begin
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the next is still to begin."""
        return self._timer is not None

    def after(self, problem: Problem | None) -> None:
        """The last one ended for ``problem``: begin the next at once if it was only too long."""
        if problem is None or not self._recordings.records_everything:
            return
        if problem.code == TOO_LONG:
            self._begin()
        else:
            self._timer = asyncio.get_running_loop().call_later(_RETRY_S, self._begin_late)

    def cancel(self) -> None:
        """Begin no other."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin_late(self) -> None:
        self._timer = None
        self._begin()
