"""How many calls may run at once; who comes after that is asked to come back."""

from collections.abc import Callable
from http import HTTPStatus

from server.problems import Problem


class Admission:
    """Counts the calls that were admitted and have not left.

    ``max_sessions`` is None until it is known (the machine is being measured): nobody gets in.
    Nor does anybody once ``has_failed`` says that nothing can be computed any more.
    """

    def __init__(
        self, max_sessions: int | None, retry_after_s: int, has_failed: Callable[[], bool]
    ) -> None:
        self.max_sessions = max_sessions
        self.sessions = 0
        self._retry_after_s = retry_after_s
        self._has_failed = has_failed

    @property
    def is_open(self) -> bool:
        """Whether calls are taken while there are places."""
        return self.max_sessions is not None and not self._has_failed()

    def check_open(self) -> int:
        """Return how many calls may run at once.

        Raises Problem 503 with Retry-After: not known yet, or the inference thread has died.
        """
        if self._has_failed():
            raise self._come_back(
                "inference-died", "the inference thread has ended: see the log, restart the server"
            )
        if self.max_sessions is None:
            raise self._come_back("starting", "the server is still starting: try again shortly")
        return self.max_sessions

    def enter(self) -> None:
        """Take a place; every ``enter`` needs one ``leave``.

        Raises Problem 503 with Retry-After when all places are taken, or as ``check_open``.
        """
        max_sessions = self.check_open()
        if self.sessions >= max_sessions:
            raise self._come_back(
                "server-full",
                f"all {max_sessions} places are taken: try again in {self._retry_after_s} s",
            )
        self.sessions += 1

    def leave(self) -> None:
        """Give the place back."""
        if self.sessions == 0:
            raise RuntimeError("a call left that had not entered")
        self.sessions -= 1

    def _come_back(self, code: str, detail: str) -> Problem:
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            code,
            detail,
            {"Retry-After": str(self._retry_after_s)},
        )
