"""One call: a peer connection, its media and its control channel, from the offer to the end.

How it ends: the browser hangs up (DELETE) or closes its connection; it vanishes (ICE consent
expires after about 30 s, RFC 7675); ICE or DTLS is not through within ``connect_timeout_s``;
a computation fails; the server stops; or nobody has been there for long, see ``idle``: silence
for minutes ends nothing. A second offer is refused: whoever wants another codec or transport
calls again.
"""

import asyncio
import logging
import secrets
from dataclasses import replace
from typing import NoReturn

from aiortc import MediaStreamTrack, RTCDataChannel

from server import codec_preferences, logs, messages, negotiation, sdp
from server.avatars import Avatar
from server.call_recording import CallRecording
from server.control import ControlChannel
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.feedback import PictureFeedback
from server.idle import IdleWatch
from server.inference import InferenceError
from server.lifecycle import Ending, Phase, advance
from server.media import SessionMedia
from server.messages import ClientMessage
from server.outlet import CallOutlet
from server.peer import Peer
from server.problems import Problem
from server.report import Reporter
from server.services import Services
from server.tracks import picture_track, voice_track

logger = logging.getLogger(__name__)

_NOTE_USE_S = 10.0


class Session:
    """One call. ``answer`` once, then ``run`` until it is CLOSED; ``end`` at any time.

    ``run`` owns every task of the call. Create it on the event loop. ``owner`` is the id of the
    caller's key, if it has one.
    """

    def __init__(
        self, session_id: str, services: Services, avatar: Avatar, owner: str | None = None
    ) -> None:
        self.id = session_id
        self.phase = Phase.NEW
        self._services = services
        self._avatar = avatar
        self._owner = owner
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._control = ControlChannel(services.metrics, self._on_message)
        self._wanted_portrait: asyncio.Queue[str] = asyncio.Queue(1)
        call = services.config.call
        self._idle = IdleWatch(call.idle_timeout_s, call.no_microphone_timeout_s)
        self._outlet: CallOutlet | None = None
        self._media: SessionMedia[EncodedFrame] | None = None
        self._recording: CallRecording | None = None
        self._feedback = PictureFeedback(services.config.video, services.metrics)
        self.peer = Peer(services.config, lambda: self.end(Ending.CLIENT_GONE))
        self._microphone: MediaStreamTrack | None = None
        self.peer.connection.on("track", self._on_track)
        self.peer.connection.on("datachannel", self._on_data_channel)

    async def answer(self, offer: sdp.Description) -> str:
        """Set up the connection and return the SDP answer. After an error, ``discard``.

        Raises Problem 422 for an offer that cannot be negotiated or brings too many candidates.
        """
        config = self._services.config
        assert offer.video_codec is not None
        self._outlet = CallOutlet(
            picture_track(),
            PictureEncoder(offer.video_codec, config.video, config.trust),
            voice_track(),
            VoiceEncoder(config.voice),
            self._services.metrics,
        )
        self._recording = CallRecording(
            self._services.recordings,
            self._outlet,
            self._control,
            self._owner,
            lambda: self._avatar.portrait.id,
        )
        connection = self.peer.connection
        voice = connection.addTransceiver(self._outlet.voice_track, "sendrecv")
        voice.setCodecPreferences(codec_preferences.for_voice(redundant=offer.has_redundancy))
        picture = connection.addTransceiver(self._outlet.picture_track, "sendonly")
        picture.setCodecPreferences(codec_preferences.for_pictures(offer.video_codec))
        answer = await self.peer.answer(offer)
        self._feedback.listen_to(picture.sender, self._outlet)
        self._move(Phase.CONNECTING)
        return negotiation.ask_packet_time(answer, config.call.microphone_packet_ms)

    async def discard(self) -> None:
        """Close a call that got no answer."""
        await self.peer.close()
        self._move(Phase.CLOSED)

    def end(self, ending: Ending) -> None:
        """Let ``run`` end the call; the first reason given is the one that counts."""
        if not self._ending.done():
            self._ending.set_result(ending)

    async def run(self) -> Ending:
        """Live from the answer to CLOSED, and say why it ended. Cancelled, it closes too."""
        logs.bind_session(self.id)
        logger.info("call answered")
        ending = Ending.SERVER_SHUTDOWN
        live = asyncio.create_task(self._live(), name=f"call {self.id}")
        live.add_done_callback(self._on_live_done)
        try:
            ending = await self._ending
        finally:
            live.cancel()
            await asyncio.wait([live])
            await self._close(ending)
        return ending

    async def _live(self) -> None:
        """Connect, then run the call's tasks until cancelled; all else that happens ends it."""
        try:
            async with asyncio.timeout(self._services.config.call.connect_timeout_s):
                await self.peer.connected.wait()
        except TimeoutError:
            self.end(Ending.CONNECT_TIMEOUT)
            return
        self._move(Phase.LIVE)
        media = self._open_media()
        assert self._recording is not None
        if self._services.recordings.records_everything:
            self._recording.begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(media))
                tasks.create_task(media.play())
                tasks.create_task(self._change_portraits(media))
                tasks.create_task(self._end_when_idle())
                tasks.create_task(self._note_use())
                tasks.create_task(
                    Reporter(media, self._services.metrics, self._control, self._feedback).run()
                )
        except* InferenceError as failed:
            logger.exception("a computation failed")
            message = "; ".join(str(error) for error in failed.exceptions)
            self._control.send(messages.Error(code="inference-failed", message=message, fatal=True))
            self.end(Ending.INFERENCE_FAILED)

    def _open_media(self) -> SessionMedia[EncodedFrame]:
        assert self._outlet is not None
        self._media = SessionMedia(
            self._services.stream,
            self._services.inference,
            self._avatar.portrait.identity,
            self._services.inference.avatar.open(secrets.randbits(31)),
            self._outlet,
            self._services.metrics,
        )
        self._media.controls = self._avatar.controls
        return self._media

    async def _listen(self, media: SessionMedia[EncodedFrame]) -> None:
        assert self._microphone is not None
        await media.listen(self._microphone, self._idle.note_sound)
        # The connection may still be there: the avatar lives on in silence, for a while.
        self._idle.note_microphone_ended()
        logger.info("the browser ended its microphone track")

    async def _end_when_idle(self) -> None:
        await self._idle.until_abandoned()
        self.end(Ending.IDLE)

    async def _note_use(self) -> NoReturn:
        """Let an upload not be forgotten while it is shown: the caller may have to come back."""
        while True:
            self._services.portraits.note_use(self._avatar.portrait.id)
            await asyncio.sleep(_NOTE_USE_S)

    async def _change_portraits(self, media: SessionMedia[EncodedFrame]) -> NoReturn:
        while True:
            portrait_id = await self._wanted_portrait.get()
            try:
                avatar = await self._services.avatars.find(portrait_id)
            except Problem as problem:
                refusal = messages.Error(code=problem.code, message=problem.detail, fatal=False)
                self._control.send(refusal)
                continue
            self._avatar = avatar
            media.identity = avatar.portrait.identity
            if not avatar.is_built_in:
                media.controls = avatar.controls
            self._control.send(messages.PortraitSelected(id=avatar.portrait.id))

    async def _close(self, ending: Ending) -> None:
        self._move(Phase.DRAINING)
        if self._recording is not None:
            self._recording.end()
        if ending is not Ending.CLIENT_GONE:
            self._control.send(messages.Ended(reason=ending.value))
            await self._control.drain(self._services.config.call.drain_timeout_s)
        self._services.portraits.note_use(self._avatar.portrait.id)
        await self.peer.close()
        self._move(Phase.CLOSED)
        self._services.metrics.calls_ended.labels(ending.value).inc()
        logger.info("call ended", extra={"reason": ending.value})

    def _move(self, to: Phase) -> None:
        self.phase = advance(self.phase, to)

    def _on_live_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("the call failed", exc_info=task.exception())
            self.end(Ending.INTERNAL_ERROR)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._microphone = track

    def _on_data_channel(self, channel: RTCDataChannel) -> None:
        if self._control.attach(channel):
            self._control.send(messages.Ready(session=self.id))
            if self._outlet is not None and (recorder := self._outlet.recorder) is not None:
                self._control.send(messages.Recording(active=True, id=recorder.id))

    def _on_message(self, message: ClientMessage) -> None:
        media, recording = self._media, self._recording
        if media is None or recording is None:
            # The channel opens after the connection, and that makes the call LIVE: not expected.
            self._services.metrics.early_messages.inc()
            return
        self._idle.note_wish()
        match message:
            case messages.Expression():
                media.controls = replace(
                    media.controls,
                    expression=message.name,
                    expression_strength=message.strength,
                )
            case messages.HeadMotion():
                media.controls = replace(media.controls, head_speed=message.speed)
            case messages.Pause():
                media.paused = message.paused
            case messages.Record():
                if message.active:
                    recording.begin()
                else:
                    recording.stop()
            case messages.SelectPortrait():
                if self._wanted_portrait.full():
                    self._wanted_portrait.get_nowait()
                self._wanted_portrait.put_nowait(message.id)
