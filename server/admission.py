"""How many calls may run at once; who comes after that is asked to come back."""

from http import HTTPStatus

from server.problems import Problem


class Admission:
    """Counts the calls that were admitted and have not left.

    ``max_sessions`` is None until it is known (the machine is being measured): nobody gets in.
    """

    def __init__(self, max_sessions: int | None, retry_after_s: int) -> None:
        self.max_sessions = max_sessions
        self.sessions = 0
        self._retry_after_s = retry_after_s

    def enter(self) -> None:
        """Take a place; every ``enter`` needs one ``leave``.

        Raises Problem 503 with Retry-After when all places are taken, or none is ready yet.
        """
        if self.max_sessions is None:
            raise self._come_back("starting", "the server is still starting: try again shortly")
        if self.sessions >= self.max_sessions:
            raise self._come_back(
                "server-full",
                f"all {self.max_sessions} places are taken: try again in {self._retry_after_s} s",
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
