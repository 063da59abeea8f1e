"""The recording of one call: begun and stopped by its browser, which is told how it goes."""

from collections.abc import Callable

from server import messages
from server.control import ControlChannel
from server.outlet import CallOutlet
from server.problems import Problem
from server.record_again import RecordAgain
from server.recorder import TOO_LONG, Recorder
from server.recordings import Recordings


class CallRecording:
    """At most one at a time, for the event loop. ``owner`` is the id of the caller's key.

    ``portrait`` returns the id of what is shown now.
    """

    def __init__(
        self,
        recordings: Recordings,
        outlet: CallOutlet,
        control: ControlChannel,
        owner: str | None,
        portrait: Callable[[], str],
    ) -> None:
        self._recordings = recordings
        self._outlet = outlet
        self._control = control
        self._owner = owner
        self._portrait = portrait
        self._again = RecordAgain(recordings, self.begin)
        # Those that are stopped, still write, and were not told to be over yet.
        self._ending: list[Recorder] = []

    def begin(self) -> None:
        """Begin, if it is not recorded already."""
        if (running := self._outlet.recorder) is not None:
            self._tell(running, active=True)
            return
        # The browser takes what it is told last for what is now.
        while self._ending:
            self._tell(self._ending.pop(), active=False)
        recorder = self._recordings.begin(
            self._outlet.coder.codec, "call", self._portrait(), self._owner
        )
        recorder.on_end.add(lambda: self._note_end(recorder))
        self._outlet.recorder = recorder
        self._outlet.request_keyframe()
        self._tell(recorder, active=True)

    def stop(self) -> None:
        """Stop it as the browser asks: not where everything is to be recorded."""
        if self._recordings.records_everything:
            self._refuse(
                "records-everything",
                "this server records every call: hang up to end the recording",
            )
            return
        self.end()

    def end(self) -> None:
        """Stop it, whoever wants it. Another may begin while this one is still written."""
        self._again.cancel()
        if (recorder := self._outlet.recorder) is not None:
            self._outlet.recorder = None
            self._ending.append(recorder)
            recorder.stop()

    def _note_end(self, recorder: Recorder) -> None:
        problem: Problem | None = recorder.problem
        was_stopped = self._outlet.recorder is not recorder
        goes_on = not was_stopped and self._recordings.records_everything
        if problem is not None and not (goes_on and problem.code == TOO_LONG):
            self._refuse(problem.code, problem.detail)
        if not was_stopped:
            self._outlet.recorder = None
            self._tell(recorder, active=False)
            self._again.after(problem)
        elif recorder in self._ending:
            self._ending.remove(recorder)
            self._tell(recorder, active=False)

    def _tell(self, recorder: Recorder, *, active: bool) -> None:
        self._control.send(messages.Recording(active=active, id=recorder.id))

    def _refuse(self, code: str, message: str) -> None:
        self._control.send(messages.Error(code=code, message=message, fatal=False))
