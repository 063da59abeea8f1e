"""quality_watermark: is the watermark found after a call's codecs, and only where it is?

Portraits speak for 10 s, are coded at 500 kbps as in a call, decoded, made half as large, and
looked at by the detector. PSNR is of marked pictures against the same without the mark, in RGB,
before any codec.

False alarms, two ways. The product's mark is looked for in what never bore it: clips of real
people, and the portraits. And since a detector errs by chance of its phases, the same videos are
tried with the phases of thousands of other marks: how many score above a limit is to be what the
normal distribution says.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from benchmarks import material
from benchmarks.record import Figure, if_any, measure, measure_baseline, report
from model.avatar import Avatar, Controls, HopRequest
from model.frames.watermark import Watermark, carriers
from model.frames.watermark_detector import SIDE_PX, THRESHOLD, WatermarkDetector, spectrum
from model.identity.picture import PortraitError
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from server.config import TrustConfig, VideoConfig
from server.encoders import PictureEncoder
from server.outgoing import OutgoingPictures
from server.planes import plane
from server.sdp import VideoCodec

SIZE_PX = 512
PIECE_FRAMES = 10 * FPS
BITRATE_KBPS = 500
PLAIN = TrustConfig(watermark=False)
DECODERS = {VideoCodec.H264: "h264", VideoCodec.VP8: "vp8"}
# What a normal distribution exceeds once in 10,000.
ONE_IN_10_000 = 3.719
SEED = 0
PICTURES = (".jpg", ".jpeg", ".png")
# Of other marks, tried together.
_TRIES = 1000
# Bytes are so far from what they stand for: the mean square of rounding.
_ROUNDING = 1 / 12

Pictures = list[NDArray[np.uint8]]


class Look:
    """What the detector sees of frames, half as large if so wished."""

    def __init__(self, *, halved: bool) -> None:
        self.detector = WatermarkDetector()
        self.total = np.zeros((SIDE_PX, SIDE_PX))
        self._smaller = VideoReformatter() if halved else None
        self._reformatter = VideoReformatter()

    def at(self, frame: av.VideoFrame) -> None:
        """Take a frame."""
        if self._smaller is not None:
            side = SIZE_PX // 2
            frame = self._smaller.reformat(frame, width=side, height=side, format="yuv420p")
        gray = self._reformatter.reformat(frame, width=SIDE_PX, height=SIDE_PX, format="gray8")
        self.detector.add(plane(gray, 0))
        self.total += plane(gray, 0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of what was seen."""
        return self.total / self.detector.frames


def speak(avatar: Avatar, image: bytes, seed: int) -> Pictures:
    """10 s of a portrait speaking."""
    identity = avatar.identify(image, SIZE_PX)
    state = avatar.open(seed)
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    sound = material.speech(10 + 2 * avatar.hop_frames / FPS, SAMPLE_RATE)
    pictures: Pictures = []
    for hop in range(len(sound) // hop_samples):
        samples = sound[hop * hop_samples : (hop + 1) * hop_samples]
        request = HopRequest(state, samples, Controls(head_speed=0.6), avatar.max_steps)
        pictures.extend(avatar.render(identity, avatar.animate([request])[0], state))
    return pictures[:PIECE_FRAMES]


def coded(pictures: Pictures, codec: VideoCodec) -> float:
    """Send it as a call does, and score what arrives."""
    config = VideoConfig(size_px=SIZE_PX, bitrate_kbps=BITRATE_KBPS)
    encoder = PictureEncoder(codec, config)
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    look = Look(halved=True)
    for index, picture in enumerate(pictures):
        for frame in decoder.decode(av.Packet(encoder.encode(picture, index).data)):
            look.at(frame)
    for frame in decoder.decode(None):
        look.at(frame)
    return look.detector.score()


def psnr(pictures: Pictures) -> float:
    """Of marked pictures against unmarked ones, in RGB: one a second, fitted every 2 s."""
    marking, plain = OutgoingPictures(SIZE_PX, TrustConfig()), OutgoingPictures(SIZE_PX, PLAIN)
    errors = []
    for index, picture in enumerate(pictures[::FPS]):
        with_mark = marking.convert(picture, refit=index % 2 == 0).to_ndarray(format="rgb24")
        without = plain.convert(picture, refit=False).to_ndarray(format="rgb24")
        errors.append(np.square(with_mark.astype(np.float64) - without).mean())
    return 10 * math.log10(255**2 / max(float(np.mean(errors)), _ROUNDING))


def unmarked(pictures: Pictures) -> Look:
    """The same without the mark."""
    look, outgoing = Look(halved=False), OutgoingPictures(SIZE_PX, PLAIN)
    for picture in pictures:
        look.at(outgoing.convert(picture, refit=False))
    return look


def clip(path: Path) -> Look:
    """At most 10 s of a video of a real person."""
    look = Look(halved=False)
    with av.open(str(path)) as container:
        for _, frame in zip(range(PIECE_FRAMES), container.decode(video=0), strict=False):
            look.at(frame)
    return look


def other_marks(means: list[NDArray[np.float64]], marks: int) -> Iterator[NDArray[np.float32]]:
    """Scores (videos, n) of unmarked videos with other marks' phases, at most 1000 at once."""
    found = torch.from_numpy(np.stack([np.angle(spectrum(mean)) for mean in means])).float()
    random = torch.Generator().manual_seed(SEED)
    count = len(carriers().phases)
    for first in range(0, marks, _TRIES):
        tries = 2 * math.pi * torch.rand(count, min(_TRIES, marks - first), generator=random)
        agreed = found.cos() @ tries.cos() + found.sin() @ tries.sin()
        scores: NDArray[np.float32] = (agreed / math.sqrt(count / 2)).numpy()
        yield scores


def cost(picture: NDArray[np.uint8]) -> list[Figure]:
    """What marking adds to each frame, and every 2 s."""
    luma = plane(OutgoingPictures(SIZE_PX, PLAIN).convert(picture, refit=False), 0).copy()
    watermark = Watermark(SIZE_PX)
    marking, plain = OutgoingPictures(SIZE_PX, TrustConfig()), OutgoingPictures(SIZE_PX, PLAIN)
    return [
        measure("add the mark to a frame", lambda: watermark.add(luma), count=500),
        measure("fit the mark, once in 2 s", lambda: watermark.fit(luma), count=100),
        measure("RGB to marked YUV", lambda: marking.convert(picture, refit=False), count=500),
        measure("RGB to unmarked YUV", lambda: plain.convert(picture, refit=False), count=500),
    ]


def unmarked_clips(data: Path, count: int, random: np.random.Generator) -> list[Look]:
    """At most so many videos of real people; says how many cannot be read."""
    clips = sorted((data / "clips").glob("*.mp4"))
    # Most are of one speaker: as many of him as there are of all the others, at most.
    others = [path for path in clips if not path.name.startswith("grid-s1_")]
    of_one = [path for path in clips if path.name.startswith("grid-s1_")]
    of_one = [of_one[i] for i in random.permutation(len(of_one))[: len(others) or count]]
    every = others + of_one
    chosen = [every[i] for i in random.permutation(len(every))[:count]]
    looks = [look for path in chosen if (look := clip(path)).detector.frames]
    print(f"{len(looks)} videos of people, {len(chosen) - len(looks)} without a picture left out")
    return looks


@dataclass
class Marked:
    """What comes of portraits that speak: scores by codec, PSNR, and their unmarked pictures."""

    scores: dict[VideoCodec, list[float]]
    fidelity: list[float]
    looks: list[Look]
    pictures: Pictures


def mark_portraits(avatar: Avatar, faces: Sequence[bytes], count: int) -> Marked:
    """Let the first `count` that are not refused speak."""
    marked = Marked({codec: [] for codec in VideoCodec}, [], [], [])
    for seed, face in enumerate(faces):
        if len(marked.fidelity) == count:
            break
        try:
            marked.pictures = speak(avatar, face, seed)
        except PortraitError as error:
            print(f"a portrait is left out: {error}")
            continue
        for codec, own in marked.scores.items():
            own.append(coded(marked.pictures, codec))
        marked.fidelity.append(psnr(marked.pictures))
        marked.looks.append(unmarked(marked.pictures))
        told = [f"{own[-1]:.1f}" for own in marked.scores.values()]
        print(seed, *told, f"{marked.fidelity[-1]:.1f} dB")
    return marked


def found_figures(marked: Marked) -> list[Figure]:
    """How clearly the mark is found where it is, and what it costs the pictures."""
    figures = []
    for codec, scores in marked.scores.items():
        name = f"{codec.name}, {BITRATE_KBPS} kbps, halved"
        hits = [100.0 * (score >= THRESHOLD) for score in scores]
        figures += if_any(f"{name}: found", "%", [float(np.mean(hits))] if hits else [])
        figures += if_any(f"{name}: score", "sd", scores)
        figures += if_any(f"{name}: lowest score", "sd", sorted(scores)[:1])
    figures += if_any("PSNR, marked to unmarked", "dB", marked.fidelity)
    figures += if_any("PSNR, lowest", "dB", sorted(marked.fidelity)[:1])
    return figures


def alarm_figures(looks: Sequence[Look], marks: int) -> list[Figure]:
    """What is found where nothing is: the product's mark, and other marks."""
    own = [look.detector.score() for look in looks]
    figures = if_any("not marked: score", "sd", own)
    figures += if_any("not marked: highest score", "sd", sorted(own)[-1:])
    if not looks or marks < 1:
        print("other marks: none")
        return figures
    tried = np.concatenate(
        [batch.ravel() for batch in other_marks([look.mean for look in looks], marks)]
    )
    for limit, expected in ((ONE_IN_10_000, " (100)"), (THRESHOLD, "")):
        above = 1e6 / len(tried) * int((tried > limit).sum())
        name = f"other marks: above {limit}, of a million{expected}"
        figures.append(Figure(name, "", (above,)))
    return [
        *figures,
        Figure("other marks: highest score", "sd", (float(tried.max()),)),
        Figure("other marks: deviation (1)", "sd", (float(tried.std()),)),
    ]


def main() -> None:
    """Score marked portraits, then what is not marked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with portraits/ and clips/")
    parser.add_argument("--portraits", type=int, default=40)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--marks", type=int, default=10_000)
    args = parser.parse_args()

    torch.set_num_threads(1)
    random = np.random.default_rng(SEED)
    files = sorted(p for p in args.data.glob("portraits/*") if p.suffix.lower() in PICTURES)
    order = random.permutation(len(files))
    faces = [material.portrait(), *(files[i].read_bytes() for i in order)]
    marked = mark_portraits(Avatar.load(), faces, args.portraits)
    looks = marked.looks + unmarked_clips(args.data, args.clips, random)
    report(
        "quality_watermark: is the watermark found after a call's codecs, and only where it is?",
        [
            *found_figures(marked),
            *alarm_figures(looks, args.marks),
            *(cost(marked.pictures[0]) if marked.pictures else []),
        ],
        baseline=measure_baseline(),
        settings={
            "size_px": SIZE_PX,
            "bitrate_kbps": BITRATE_KBPS,
            "threshold": THRESHOLD,
            "portraits": len(marked.fidelity),
            "unmarked_videos": len(looks),
            "other_marks_tried": args.marks * len(looks),
            "seed": SEED,
        },
    )


if __name__ == "__main__":
    main()
