"""A stream: one session's I/O-free state, from microphone packets to what must leave now."""

from collections import deque
from statistics import median
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from model.rates import FPS, FRAME_MS
from streaming.clock import SessionClock
from streaming.concealment import CONTEXT_SAMPLES
from streaming.config import StreamConfig
from streaming.governor import Governor
from streaming.lips import Lips
from streaming.microphone import Microphone, to_mono
from streaming.playout import Due, Playout
from streaming.rates import samples_to_ms
from streaming.resample import HEARING_REACH_SAMPLES, hear, lead_in, voice_samples
from streaming.stats import StreamStats
from streaming.window import Hop

T = TypeVar("T")

_REMEMBERED_HOPS = 5


class Stream(Generic[T]):
    """Sound in, hops out; finished frames in, voice and frames out when they are due.

    `now` is monotonic local time in seconds, given by the caller to every method and never going
    back. T is whatever the caller makes of a frame: pixels, or an encoded packet.

    The session's time begins at `now`, whether or not sound arrives: in its absence the model
    hears silence, so the avatar lives on.
    """

    def __init__(self, config: StreamConfig, *, now: float) -> None:
        self.config = config
        self._plan = config.plan()
        self._clock = SessionClock(config.clock, now)
        self._microphone = Microphone(config.history_samples)
        self.lips = Lips()
        self._governor = Governor(
            config.governor, config.max_steps, config.compute_budget_ms, paints=config.paints
        )
        self._playout = Playout[T](
            self._clock,
            self._microphone,
            config.playout_delay_ms,
            config.max_behind_ms,
            config.max_frozen_ms,
        )
        self._next_hop = 0
        self._in_flight: Hop | None = None
        self._frames_in = 0
        self._spent_s = 0.0
        # Of the last hops that were drawn, how long their first frame took: the next takes as much.
        self._first_frames_s: deque[float] = deque([0.0], maxlen=_REMEMBERED_HOPS)
        self._idle_since = now
        self._last_drawn = -1
        self._too_late = False
        self._last_push = now
        self._hops = 0
        self._skipped_hops = 0
        self._concealed_samples = 0
        self._silent_concealed_samples = 0
        self._compute_s = 0.0

    def push_audio(
        self, pcm: NDArray[np.int16], pts: int, sample_rate: int, now: float
    ) -> int | None:
        """Take in one packet's sound: `pcm` (samples, channels), `pts` in 1/48000 s.

        Any length, rate from 8 to 192 kHz, and number of channels; in any order. Returns the
        position of its first sample, see `SessionClock.place`. Raises ValueError for other types,
        shapes or rates.
        """
        mono = to_mono(pcm)
        samples = voice_samples(len(mono), sample_rate)
        position = self._clock.place(pts, samples, now, lead_in(sample_rate))
        if position is not None:
            self._microphone.push(mono, sample_rate, position, self._playout.next_voice)
            self._last_push = now
            if pcm.any():
                self.lips.speak(position)
        return position

    def change_source(self) -> None:
        """Expect the next packet to come from another source, whose pts mean another time."""
        self._clock.expect_new_pts()

    def hush(self) -> None:
        """Make silence of what has not left yet, and close the lips until there is new sound."""
        self._microphone.hush(self._playout.next_voice)
        self.lips.hush()

    @property
    def played_until(self) -> int:
        """The position up to which the voice has left."""
        return self._playout.next_voice

    def due_hop(self, now: float) -> Hop | None:
        """Return the next hop if its sound is complete, else None.

        One at a time, since the model's state is sequential: None until the last one is finished.
        """
        if self._in_flight is not None:
            return None
        self._skip_stale_hops(now)
        if self._hop_due() > now:
            return None
        self._in_flight = hop = self._take_hop(now)
        self._frames_in, self._spent_s = 0, 0.0
        self._next_hop += 1
        self._forget()
        return hop

    def put_frame(self, hop: Hop, index: int, frame: T, now: float) -> None:
        """Hand in one frame of the hop taken last: it can be shown while the next one is coded.

        Raises ValueError for another hop, or out of the order of `hop.render_frames`.
        """
        self._expect(hop)
        expected = hop.render_frames[self._frames_in] if self._frames_missing(hop) else None
        if index != expected:
            raise ValueError(
                f"hop {hop.index} brings frame {index}, expected {expected}: put its "
                "render_frames one by one"
            )
        if self._frames_in == 0:
            self._first_frames_s.append(now - hop.taken)
        self._frames_in += 1
        self._playout.put(index, frame, now)
        self._account(hop, index, now)

    def finish_hop(self, hop: Hop, now: float) -> None:
        """End a hop whose frames are all in, so that the next one can be taken.

        Raises ValueError for another hop than the last one taken, or if frames are missing.
        """
        self._expect(hop)
        if missing := self._frames_missing(hop):
            raise ValueError(
                f"hop {hop.index} lacks {missing} of its {len(hop.render_frames)} frames: put "
                "each of its render_frames first"
            )
        self._in_flight = None
        self._idle_since = now
        self._account(hop, self._plan.frames(hop.index)[-1], now)
        self._compute_s = self._spent_s
        self._governor.observe(self._compute_s, too_late=self._too_late)

    def pop_due(self, now: float) -> Due[T]:
        """Return the voice and the frames that must leave now."""
        due = self._playout.pop(now)
        self._forget()
        return due

    def next_due(self) -> float:
        """Return the `now` at which `pop_due` or `due_hop` next has something.

        Only `push_audio` and `finish_hop` can make it earlier, so a task can sleep until then.
        """
        if self._in_flight is not None:
            return self._playout.next_due()
        return min(self._hop_due(), self._playout.next_due())

    @property
    def stats(self) -> StreamStats:
        """What was counted so far."""
        quality = self._governor.quality
        return StreamStats(
            on_time_frames=self._playout.on_time_frames,
            late_frames=self._playout.late_frames,
            repeated_frames=self._playout.repeated_frames,
            dropped_frames=self._playout.dropped_frames,
            hops=self._hops,
            skipped_hops=self._skipped_hops,
            concealed_ms=samples_to_ms(self._concealed_samples),
            silent_concealed_ms=samples_to_ms(self._silent_concealed_samples),
            late_audio_ms=samples_to_ms(self._microphone.late_samples),
            early_audio_ms=samples_to_ms(self._clock.early_samples),
            skipped_voice_ms=samples_to_ms(self._playout.skipped_voice_samples),
            av_skew_ms=self._playout.av_skew_ms,
            playout_delay_ms=self.config.playout_delay_ms,
            clock_drift_ppm=self._clock.drift_ppm,
            clock_steps=self._clock.steps,
            resyncs=self._clock.resyncs,
            num_steps=quality.num_steps,
            painted=quality.painted,
            halved=quality.halved,
            draw_every=quality.draw_every,
            quality_changes=self._governor.changes,
            compute_ms=self._compute_s * 1000,
        )

    def _expect(self, hop: Hop) -> None:
        if self._in_flight is not hop:
            expected = "none" if self._in_flight is None else f"hop {self._in_flight.index}"
            raise ValueError(f"hop {hop.index} is handed in, expected {expected}: take it first")

    def _frames_missing(self, hop: Hop) -> int:
        return len(hop.render_frames) - self._frames_in

    def _account(self, hop: Hop, index: int, now: float) -> None:
        """Measure the hop as its first frame: each later one is due a frame's time after it."""
        grace_s = (index - self._plan.frames(hop.index)[0]) / FPS
        self._spent_s = max(self._spent_s, now - hop.taken - grace_s)

    def _hop_due(self) -> float:
        """Return the `now` from which the next hop can be taken."""
        start = self._plan.start(self._next_hop) + HEARING_REACH_SAMPLES
        end = start + self._plan.hop_samples
        concealed_at = self._clock.time_of(end) + self.config.patience_ms / 1000
        if self._microphone.heard(start, end - start).all():
            return min(self._last_push, concealed_at)
        return concealed_at

    def _take_hop(self, now: float) -> Hop:
        index = self._next_hop
        start, samples = self._plan.start(index), self._plan.hop_samples
        reach = HEARING_REACH_SAMPLES
        voice = self._microphone.read(start - reach, samples + 2 * reach)
        self._count_concealed(start + reach, samples)
        self._hops += 1
        quality = self._governor.quality
        wanted = [k for k in self._plan.frames(index) if k >= 0 and k % quality.draw_every == 0]
        drawn = self._choose(wanted, now)
        first = drawn[0] if drawn else self._plan.frames(index)[0]
        return Hop(
            index=index,
            samples=hear(voice),
            render_frames=drawn,
            num_steps=quality.num_steps,
            painted=quality.painted,
            halved=quality.halved,
            taken=now,
            deadline=self._playout.frame_due(first),
        )

    def _count_concealed(self, position: int, samples: int) -> None:
        """Count what the model has just read, and what in it was not heard."""
        heard = self._microphone.heard(position, samples)
        filled = self._microphone.concealed(position, samples)
        self._concealed_samples += int((~heard).sum())
        self._silent_concealed_samples += int((~heard & ~filled).sum())

    def _choose(self, wanted: list[int], now: float) -> tuple[int, ...]:
        """Leave out frames that cannot be ready in their slot: they would make the next ones late.

        But a late face is better than a frozen one, and nothing will ever be ready sooner than what
        is begun as soon as its sound is there.
        """
        ready = now + median(self._first_frames_s)
        drawn = [k for k in wanted if self._playout.frame_due(k + 1) > ready]
        self._too_late = len(drawn) < len(wanted)
        punctual = self._hop_due() > self._idle_since
        most_ms = self.config.max_frozen_ms if punctual else self.config.max_undrawn_ms
        if not drawn and wanted and (wanted[-1] - self._last_drawn) * FRAME_MS > most_ms:
            drawn = wanted[-1:]
        self._last_drawn = max(drawn, default=self._last_drawn)
        return tuple(drawn)

    def _skip_stale_hops(self, now: float) -> None:
        """Leave out hops so old that drawing them would only delay the current one."""
        end_of_last_slot = self._playout.frame_due(self._plan.frames(self._next_hop)[-1] + 1)
        if (now - end_of_last_slot) * 1000 > self.config.max_behind_ms:
            current = self._plan.hop_of_frame(self._playout.slot_at(now))
            self._skipped_hops += current - self._next_hop
            self._next_hop = current

    def _forget(self) -> None:
        """Free the sound that is not read again, neither by voice or model nor to fill a hole."""
        next_heard = self._plan.start(self._next_hop) - HEARING_REACH_SAMPLES
        self._microphone.forget(min(self._playout.next_voice - CONTEXT_SAMPLES, next_heard))
