"""``likeness render``: a portrait and a recording to an MP4, by the same path as a call."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model.avatar import Controls, HopRequest
from model.identity.identity import Identity
from model.rates import FPS
from server.animator import Animator
from server.config import MARKED, TrustConfig
from server.credentials import CredentialsError, CredentialsSigner
from server.outgoing import OutgoingPictures
from server.recording import Recording
from streaming import offline
from streaming.config import StreamConfig
from streaming.playout import Due
from streaming.rates import VOICE_RATE
from streaming.window import Hop

_VIDEO_OPTIONS = {"preset": "veryfast", "crf": "18"}
_VOICE_BITRATE_BPS = 128_000
# How often the watermark is fitted to what is seen.
_REFIT_FRAMES = 2 * FPS


class OutputError(Exception):
    """The video cannot be written there; says why."""


@dataclass(frozen=True)
class Look:
    """How the avatar of a rendering behaves."""

    controls: Controls
    seed: int


class Rendering:
    """Makes videos of one identity, marked as ``trust`` says and signed, if by a ``signer``."""

    def __init__(
        self,
        avatar: Animator,
        identity: Identity,
        config: StreamConfig,
        look: Look,
        trust: TrustConfig = MARKED,
        signer: CredentialsSigner | None = None,
    ) -> None:
        self._avatar = avatar
        self._identity = identity
        self._config = config
        self._look = look
        self._trust = trust
        self._signer = signer

    def write(self, recording: Recording, out: Path) -> Iterator[int]:
        """Render ``recording`` to ``out`` (MP4: H.264, AAC); yield the index of each frame.

        The file appears under its name when it is complete; what cannot be decoded at the end of a
        damaged recording is missing, see ``recording.damage``. Raises AudioFileError, OutputError.
        """
        part = out.with_name(f".{out.name}.part")
        signed = out.with_name(f".{out.name}.signed.part")
        try:
            with av.open(str(part), "w", format="mp4") as container:
                pictures = OutgoingPictures(self._identity.size_px, self._trust)
                yield from self._write(recording, _Writer(container, pictures))
            if self._signer is not None:
                self._signer.sign(part, signed)
                signed.replace(part)
            part.replace(out)
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error.strerror}") from error
        except CredentialsError as error:
            raise OutputError(f"cannot write {out}: {error}") from error
        finally:
            part.unlink(missing_ok=True)
            signed.unlink(missing_ok=True)

    def _write(self, recording: Recording, writer: "_Writer") -> Iterator[int]:
        """Draw on a second thread: a hop's pictures while the next one's motion is computed.

        Frames are due ``playout_delay_ms`` after their sound, which bounds what is on the way.
        """
        state = self._avatar.open(self._look.seed)

        def draw(hop: Hop) -> list[Callable[[], NDArray[np.uint8]]]:
            request = HopRequest(state, hop.samples, self._look.controls, hop.num_steps)
            motion = self._avatar.animate([request])[0]
            if not hop.render_frames:
                return []
            first = hop.index * self._config.hop_frames - self._config.lookahead_frames
            rows = [index - first for index in hop.render_frames]
            drawing = drawer.submit(self._avatar.render, self._identity, motion[rows], state)
            return [partial(_picture, drawing, row) for row in range(len(rows))]

        with ThreadPoolExecutor(1, thread_name_prefix="drawing") as drawer:
            for due in offline.play(self._config, recording.chunks(), VOICE_RATE, draw):
                writer.write(due)
                yield from (frame.index for frame in due.frames)
        writer.finish()


def _picture(drawing: Future[NDArray[np.uint8]], row: int) -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = drawing.result()[row]
    return picture


class _Writer:
    """Codes and interleaves what is due."""

    def __init__(self, container: OutputContainer, pictures: OutgoingPictures) -> None:
        self._container = container
        self._pictures = pictures
        self._picture: VideoStream = container.add_stream("libx264", FPS, options=_VIDEO_OPTIONS)
        self._picture.width = self._picture.height = pictures.size_px
        self._picture.pix_fmt = "yuv420p"
        self._picture.codec_context.colorspace = Colorspace.ITU601
        self._picture.codec_context.color_range = ColorRange.MPEG
        self._voice: AudioStream = container.add_stream("aac", VOICE_RATE, layout="mono")
        self._voice.bit_rate = _VOICE_BITRATE_BPS

    def write(self, due: Due[Callable[[], NDArray[np.uint8]]]) -> None:
        for chunk in due.voice:
            sound = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(chunk.pcm.T), format="s16", layout="mono"
            )
            sound.sample_rate = VOICE_RATE
            sound.pts = chunk.pts
            sound.time_base = Fraction(1, VOICE_RATE)
            self._container.mux(self._voice.encode(sound))
        for frame in due.frames:
            is_refit_due = frame.index % _REFIT_FRAMES == 0
            picture = self._pictures.convert(frame.frame(), refit=is_refit_due)
            picture.pts = frame.index
            picture.time_base = Fraction(1, FPS)
            self._container.mux(self._picture.encode(picture))

    def finish(self) -> None:
        self._container.mux(self._voice.encode(None))
        self._container.mux(self._picture.encode(None))
