"""The recording of one call: begun and stopped by its browser, which is told how it goes."""

from server import messages
from server.control import ControlChannel
from server.outlet import CallOutlet
from server.problems import Problem
from server.recorder import Recorder
from server.recordings import Recordings


class CallRecording:
    """At most one at a time, for the event loop. ``owner`` is the id of the caller's key."""

    def __init__(
        self,
        recordings: Recordings,
        outlet: CallOutlet,
        control: ControlChannel,
        owner: str | None,
    ) -> None:
        self._recordings = recordings
        self._outlet = outlet
        self._control = control
        self._owner = owner

    def begin(self, portrait: str) -> None:
        """Begin, if it is not recorded already."""
        if (running := self._outlet.recorder) is not None:
            self._control.send(messages.Recording(active=True, id=running.id))
            return
        recorder = self._recordings.begin(self._outlet.coder.codec, "call", portrait, self._owner)
        recorder.on_end.add(lambda: self._tell_end(recorder))
        self._outlet.recorder = recorder
        self._outlet.request_keyframe()
        self._control.send(messages.Recording(active=True, id=recorder.id))

    def stop(self) -> None:
        """Stop it as the browser asks: not where everything is to be recorded."""
        if self._recordings.records_everything and self._outlet.recorder is not None:
            self._refuse(
                "records-everything",
                "this server records every call: hang up to end the recording",
            )
            return
        self.end()

    def end(self) -> None:
        """Stop it, whoever wants it."""
        if self._outlet.recorder is not None:
            self._outlet.recorder.stop()

    def _tell_end(self, recorder: Recorder) -> None:
        if self._outlet.recorder is recorder:
            self._outlet.recorder = None
        problem: Problem | None = recorder.problem
        if problem is not None:
            self._refuse(problem.code, problem.detail)
        self._control.send(messages.Recording(active=False, id=recorder.id))

    def _refuse(self, code: str, message: str) -> None:
        self._control.send(messages.Error(code=code, message=message, fatal=False))
