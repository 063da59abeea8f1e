"""The recordings of performances: at most one of each at a time."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from server.broadcast import Rendition, Seat
from server.performance import Performance
from server.problems import Problem
from server.record_again import RecordAgain
from server.recorder import Recorder, stands_still
from server.recordings import Recordings
from server.sdp import VideoCodec

logger = logging.getLogger(__name__)

# What most players know. It is coded once, for its viewers and for this.
_CODEC = VideoCodec.H264


@dataclass(frozen=True)
class _Running:
    """``owner``: the key that began it; None: this machine without one, or the server itself.

    ``leave`` gives its seat back.
    """

    recorder: Recorder
    owner: str | None
    leave: Callable[[], None]


class PerformanceRecordings:
    """For the event loop. What a recorder gets is a seat in the audience."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings
        self._running: dict[str, _Running] = {}

    def get(self, performance: Performance) -> Recorder:
        """The recording of ``performance`` that runs; raises Problem 404 when there is none."""
        running = self._running.get(performance.name)
        if running is None:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "not-recording",
                f"{performance.name!r} is not being recorded: PUT begins it",
            )
        return running.recorder

    def may_use(self, performance: Performance, may_use: Callable[[str | None], bool]) -> bool:
        """Whether who asks ``may_use`` its recording: it has none, or one of theirs."""
        running = self._running.get(performance.name)
        return running is None or may_use(running.owner)

    def may_stop(self, performance: Performance, may_use: Callable[[str | None], bool]) -> bool:
        """Whether they may stop it, too: the performance's owner may, whoever records it.

        But not what the server records for `recording.everything`: that is the operator's.
        """
        running = self._running.get(performance.name)
        if running is None or may_use(running.owner):
            return True
        is_kept = self._recordings.records_everything and running.owner is None
        return not is_kept and may_use(performance.owner)

    async def begin(self, performance: Performance, owner: str | None) -> Recorder:
        """Record ``performance`` until it ends, if it is not recorded already.

        Raises Problem 500 or 507 when nothing can be written.
        """
        running = self._running.get(performance.name)
        recorder = running.recorder if running else self.begin_now(performance, owner)
        if not await recorder.wait(recorder.opened):
            self._give_way(performance.name, recorder)
            recorder.stop()
            raise stands_still()
        if recorder.problem is not None:
            raise recorder.problem
        return recorder

    def begin_now(self, performance: Performance, owner: str | None = None) -> Recorder:
        """Begin without waiting for the file; see `RecordAgain` for when the next begins."""
        recorder = self._recordings.begin(_CODEC, "performance", performance.portrait.id, owner)
        seat = Seat(Rendition(_CODEC), recorder.picture, recorder.voice, records=True)

        def begin_again() -> None:
            performance.on_end.discard(again.cancel)
            # Somebody may have begun one meanwhile.
            if performance.name not in self._running:
                self.begin_now(performance, owner)

        again = RecordAgain(self._recordings, begin_again)

        def forget() -> None:
            performance.on_end.discard(end)
            # Not after one that was stopped: that has given way then.
            if self._give_way(performance.name, recorder):
                again.after(recorder.problem)
                if again.is_waiting:
                    performance.on_end.add(again.cancel)

        def end() -> None:
            self._give_way(performance.name, recorder)
            recorder.stop()

        recorder.on_end.add(forget)
        performance.on_end.add(end)
        self._running[performance.name] = _Running(
            recorder, owner, lambda: performance.broadcast.leave_seat(seat)
        )
        performance.broadcast.take_seat(seat)
        return recorder

    async def stop(self, performance: Performance) -> Recorder:
        """Stop it and wait until all is written, unless its disk stands still.

        Raises Problem 404 when there is none.
        """
        recorder = self.get(performance)
        self._give_way(performance.name, recorder)
        recorder.stop()
        await recorder.wait(recorder.ended)
        return recorder

    def _give_way(self, name: str, recorder: Recorder) -> bool:
        """Let ``name`` be recorded anew from now on, though ``recorder`` may still write.

        False if it has given way before.
        """
        running = self._running.get(name)
        if running is None or running.recorder is not recorder:
            return False
        # Now, not when all is written: a disk may stand still.
        del self._running[name]
        running.leave()
        return True
