"""The media path of one call: microphone, stream, inference, playout, tracks.

``streaming`` decides what is due when; here it is given the time, its hops are computed, and what
it says is due leaves at that moment, sound and picture together.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Generic, NoReturn

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from numpy.typing import NDArray

from model.avatar import AvatarState, Controls, HopRequest
from model.identity.identity import Identity
from server.inference import HopJob, HopResult, InferenceThread
from server.metrics import Metrics
from server.outlet import F, Outlet
from streaming.config import StreamConfig
from streaming.stream import Stream
from streaming.window import Hop

logger = logging.getLogger(__name__)


class SessionMedia(Generic[F]):
    """Moves the media of one face. ``listen`` and ``play`` are its tasks; the session owns them.

    ``clock`` gives monotonic seconds. ``controls`` and ``identity`` may be replaced at any time:
    the next hop uses them. While ``paused``, the microphone is heard as silence.
    """

    def __init__(
        self,
        config: StreamConfig,
        inference: InferenceThread,
        identity: Identity,
        state: AvatarState,
        outlet: Outlet[F],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.controls = Controls()
        self.identity = self._drawn = identity
        self.paused = False
        self.frames_sent = 0
        self.stream: Stream[F] = Stream(config, now=clock())
        self._lookahead_frames = config.lookahead_frames
        self._inference = inference
        self._state = state
        self._outlet = outlet
        self._metrics = metrics
        self._clock = clock
        self._wake = asyncio.Event()
        self._hop: tuple[Hop, asyncio.Future[HopResult]] | None = None

    async def listen(
        self,
        track: MediaStreamTrack,
        on_sound: Callable[[NDArray[np.int16]], None] = lambda _: None,
    ) -> None:
        """Take every packet of the microphone at once: the queue of ``track`` has no bound.

        ``on_sound`` gets what is heard of each, (samples, channels). Returns when the browser ends
        the track.
        """
        while True:
            try:
                sound = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(sound, AudioFrame)
            assert sound.pts is not None
            pcm = _samples(sound)
            if self.paused:
                pcm = np.zeros_like(pcm)
            on_sound(pcm)
            self.stream.push_audio(pcm, sound.pts, sound.sample_rate, self._clock())
            self._wake.set()

    async def play(self) -> NoReturn:
        """``step`` whenever there is something to do. Raises InferenceError."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                # Timers count whole milliseconds: waking a fraction early would be polling.
                delay_ms = math.ceil((self.step() - self._clock()) * 1000)
                timer = loop.call_later(max(0, delay_ms) / 1000, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    timer.cancel()
        finally:
            if self._hop is not None:
                self._hop[1].cancel()

    def step(self) -> float:
        """Send what is due and hand in the next hop; return when there is more to do.

        Before that only sound from the microphone or a computed hop can change anything. Raises
        InferenceError when the hop could not be computed.
        """
        self._finish_hop()
        self._send_due()
        self._start_hop()
        return self.stream.next_due()

    def _start_hop(self) -> None:
        if self._hop is not None:
            return
        hop = self.stream.due_hop(self._clock())
        if hop is None:
            return
        hop_frames = self._inference.avatar.hop_frames
        first_frame = hop.index * hop_frames - self._lookahead_frames
        if self.identity is not self._drawn:
            # Not sooner: what is being drawn is still the face before.
            self._drawn = self.identity
            self._outlet.request_keyframe()
        job = HopJob(
            request=HopRequest(self._state, hop.samples, self.controls, hop.num_steps),
            identity=_at_size(self.identity, halved=hop.halved),
            rows=tuple(index - first_frame for index in hop.render_frames),
            frames=hop.render_frames,
            painted=hop.painted,
            coder=self._outlet.coder,
            deadline_s=hop.deadline,
            mouth_gain=self.stream.lips.gain,
            on_frame=lambda frame: self._take_frame(hop, frame),
        )
        future = self._inference.submit(job)
        future.add_done_callback(lambda _: self._wake.set())
        self._hop = hop, future

    def _take_frame(self, hop: Hop, frame: F) -> None:
        self.stream.put_frame(hop, frame.index, frame, self._clock())
        self._wake.set()

    def _finish_hop(self) -> None:
        if self._hop is None or not self._hop[1].done():
            return
        hop, future = self._hop
        self._hop = None
        result = future.result()
        self.stream.finish_hop(hop, self._clock())
        self._observe(result)

    def _observe(self, result: HopResult) -> None:
        stages = {
            "wait": result.wait_s,
            "motion": result.motion_s,
            "render": result.render_s,
            "encode": result.encode_s,
        }
        for stage, seconds in stages.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
        self._metrics.batch_hops.observe(result.batch_hops)

    def _send_due(self) -> None:
        due = self.stream.pop_due(self._clock())
        for chunk in due.voice:
            start_s = time.perf_counter()
            self._outlet.send_voice(chunk.pcm, chunk.pts)
            self._metrics.stage_seconds.labels("voice").observe(time.perf_counter() - start_s)
        # The superseded ones too: the pictures after them are predicted from them.
        for due_frame in due.frames:
            self.frames_sent += not due_frame.superseded
            self._metrics.frames_sent.inc()
            self._outlet.send_picture(due_frame.frame, due_frame.pts)


def _at_size(identity: Identity, *, halved: bool) -> Identity:
    if not halved:
        return identity
    assert identity.half is not None
    return identity.half


def _samples(sound: AudioFrame) -> NDArray[np.int16]:
    """The samples of ``sound``, (samples, channels), int16: aiortc decodes to packed "s16"."""
    if sound.format.name != "s16":
        raise ValueError(f"found microphone samples as {sound.format.name}, expected s16")
    return sound.to_ndarray().astype(np.int16, copy=False).reshape(-1, sound.layout.nb_channels)
