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
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from benchmarks import material
from benchmarks.record import Figure, measure, measure_baseline, report
from model.avatar import Avatar, Controls, HopRequest
from model.frames.watermark import Watermark, carriers
from model.frames.watermark_detector import SIDE_PX, THRESHOLD, WatermarkDetector, spectrum
from model.identity.portrait import PortraitError
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
    return 10 * math.log10(255**2 / float(np.mean(errors)))


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
    """Scores (videos, 1000) of unmarked videos with the phases of other marks, 1000 at a time."""
    found = torch.from_numpy(np.stack([np.angle(spectrum(mean)) for mean in means])).float()
    random = torch.Generator().manual_seed(SEED)
    count = len(carriers().phases)
    for _ in range(marks // 1000):
        tries = 2 * math.pi * torch.rand(count, 1000, generator=random)
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


def main() -> None:
    """Score marked portraits, then what is not marked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with portraits/ and clips/")
    parser.add_argument("--portraits", type=int, default=40)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--marks", type=int, default=10_000)
    args = parser.parse_args()

    torch.set_num_threads(1)
    avatar = Avatar.load()
    random = np.random.default_rng(SEED)
    portraits = sorted((args.data / "portraits").glob("*.jpg"))
    faces = [material.portrait()]
    faces += [path.read_bytes() for path in random.permutation(np.array(portraits))]

    scores: dict[VideoCodec, list[float]] = {codec: [] for codec in VideoCodec}
    fidelity: list[float] = []
    looks: list[Look] = []
    pictures: Pictures = []
    for seed, face in enumerate(faces):
        if len(fidelity) == args.portraits:
            break
        try:
            pictures = speak(avatar, face, seed)
        except PortraitError as error:
            print(f"a portrait is left out: {error}")
            continue
        for codec in VideoCodec:
            scores[codec].append(coded(pictures, codec))
        fidelity.append(psnr(pictures))
        looks.append(unmarked(pictures))
        print(seed, *(f"{own[-1]:.1f}" for own in scores.values()), f"{fidelity[-1]:.1f} dB")

    clips = sorted((args.data / "clips").glob("*.mp4"))
    # Most clips are of one speaker: as many as there are of all the others, at most.
    others = [path for path in clips if not path.name.startswith("grid-s1_")]
    chosen = random.permutation(np.array(others + clips[:: max(1, len(clips) // len(others))]))
    looks += [clip(path) for path in chosen[: args.clips]]
    own = tuple(look.detector.score() for look in looks)
    tried = np.concatenate(
        [batch.ravel() for batch in other_marks([look.mean for look in looks], args.marks)]
    )

    figures = []
    for codec, found in scores.items():
        hits = tuple(100.0 * (score >= THRESHOLD) for score in found)
        rate = (float(np.mean(hits)),)
        figures += [
            Figure(f"{codec.name}, 500 kbps, halved: found", "%", rate),
            Figure(f"{codec.name}, 500 kbps, halved: score", "sd", tuple(found)),
            Figure(f"{codec.name}, 500 kbps, halved: lowest score", "sd", (min(found),)),
        ]
    per_million = 1e6 / len(tried)
    figures += [
        Figure("PSNR, marked to unmarked", "dB", tuple(fidelity)),
        Figure("PSNR, lowest", "dB", (min(fidelity),)),
        Figure("not marked: score", "sd", own),
        Figure("not marked: highest score", "sd", (max(own),)),
        Figure(
            f"other marks: above {ONE_IN_10_000}, of a million (100)",
            "",
            (per_million * int((tried > ONE_IN_10_000).sum()),),
        ),
        Figure(
            f"other marks: above {THRESHOLD}, of a million",
            "",
            (per_million * int((tried > THRESHOLD).sum()),),
        ),
        Figure("other marks: highest score", "sd", (float(tried.max()),)),
        Figure("other marks: deviation (1)", "sd", (float(tried.std()),)),
        *cost(pictures[0]),
    ]
    report(
        "quality_watermark: is the watermark found after a call's codecs, and only where it is?",
        figures,
        baseline=measure_baseline(),
        settings={
            "size_px": SIZE_PX,
            "bitrate_kbps": BITRATE_KBPS,
            "threshold": THRESHOLD,
            "portraits": len(fidelity),
            "unmarked_videos": len(looks),
            "other_marks_tried": len(tried),
            "seed": SEED,
        },
    )


if __name__ == "__main__":
    main()
