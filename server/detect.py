"""Looking for both marks in a file: the watermark in its pictures, the credentials beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from model.frames.watermark_detector import SIDE_PX, THRESHOLD, WatermarkDetector
from server import credentials
from server.credentials import Credentials
from server.planes import plane

# Looked at together: longer shows a fainter mark, but may mix what is marked with what is not.
PIECE_S = 10.0


class DetectError(Exception):
    """A file that cannot be looked at; says why."""


@dataclass(frozen=True)
class Sighting:
    """The watermark's ``score`` in the piece of video from ``start_s``, ``frames`` long."""

    score: float
    start_s: float
    frames: int

    @property
    def is_found(self) -> bool:
        """Whether it is there: an unmarked piece scores so much once in 50 million."""
        return self.score >= THRESHOLD


@dataclass(frozen=True)
class Findings:
    """What a file is marked with. ``damage``: why not all of it was looked at, None if it was."""

    watermark: Sighting
    credentials: Credentials | None
    damage: str | None

    @property
    def is_marked(self) -> bool:
        """Whether the watermark is there, or credentials that are valid and say made by AI."""
        found = self.credentials
        return self.watermark.is_found or (found is not None and found.valid and found.made_by_ai)


def examine(path: Path) -> Findings:
    """Look at a video or a picture, as far as the first piece that bears the watermark.

    Raises DetectError: not there, not a media file, no picture in it that can be decoded.
    """
    best: Sighting | None = None
    damage: str | None = None
    try:
        for sighting in _look(path):
            if best is None or sighting.score > best.score:
                best = sighting
            if sighting.is_found:
                break
    except av.FFmpegError as error:
        if best is None:
            raise DetectError(
                f"cannot read {path}: {error.strerror}: expected a video or a picture"
            ) from error
        damage = error.strerror or str(error)
    if best is None:
        raise DetectError(f"{path} has no pictures, expected a video or a picture")
    return Findings(best, credentials.read(path), damage)


def _look(path: Path) -> Iterator[Sighting]:
    """Score piece after piece, also what came before an error."""
    detector, start_s = WatermarkDetector(), 0.0
    try:
        for time_s, luma in _frames(path):
            if time_s >= start_s + PIECE_S and detector.frames:
                yield Sighting(detector.score(), start_s, detector.frames)
                detector, start_s = WatermarkDetector(), time_s
            detector.add(luma)
    except av.FFmpegError:
        if detector.frames:
            yield Sighting(detector.score(), start_s, detector.frames)
        raise
    if detector.frames:
        yield Sighting(detector.score(), start_s, detector.frames)


def _frames(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield the time and the brightness (SIDE_PX, SIDE_PX) of each frame."""
    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        if not container.streams.video:
            return
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            small = reformatter.reformat(frame, width=SIDE_PX, height=SIDE_PX, format="gray8")
            yield frame.time or 0.0, plane(small, 0)
