"""Do the lips meet on p, b and m in any language, and in song? By the phones that `hama` hears.

`python -m benchmarks.quality.languages DATA RUNS`. Nobody has labelled this speech: a recognizer
of phones (hama, which reads sound whole and knows no language) says where a p, b or m is; the lips
meet there if they touch within 60 ms of it. The same is asked of real people and of the model on
the GRID `val` clips, whose lips are known, so that the rule itself is seen. "Held out": no part of
the model has heard these files. The others it has, with lips made from what hama heard in them, so
only the held-out rows prove anything.

Lips that touch often meet by the rule wherever one looks: beside each row is the share of random
moments of the same sounds (pauses too) at which they do, by the same window. Which language is
spoken is told by the files' names (nobody has listened), and only of those held out.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import CONTACT, Take, animate, load_model, on_sound_time, opening
from benchmarks.quality.clips import Clip, arguments, counts, val_clips
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import Avatar
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_phones import fold_ipa
from model.train.encoder_targets import to_speech_level
from model.train.encoder_teacher import PhonemeTeacher
from model.train.held_out import VAL_SPEECH_PREFIXES
from model.train.recording import decode_audio

BILABIAL = (("p",), ("b",), ("m",))
NEAR_S = 0.06
HEARD_S = 0.02
LONGEST_S = 30.0
# Of the files of the speech set, by what their names say.
SONG = ("itosinger", "song", "sing")
UNTOLD = "language not told"
# Of those held out, by how their names begin: names of speakers of US congress, radio addresses and
# an English fairy-tale figure; "fayu" is French. Where a name says nothing, neither do we: nobody
# has listened.
LANGUAGE_OF = {
    "Audio2Face-3D-Samples-example_audio_Mark": "English",
    "SadTalker-examples_driven_audio_RD_Radio34": "English",
    "LiveAvatar-examples_cyclops": "English",
    "KDTalker-example_audio_driven_WDA_BenCardin1": "English",
    "SadTalker-examples_driven_audio_fayu": "French",
    "SadTalker-examples_driven_audio_japanese": "Japanese",
    "MuseTalk-data_audio_yongen": UNTOLD,
    "hallo-examples_driving_audios_3": UNTOLD,
    "hallo3-examples_inference_audios_0009": UNTOLD,
    "JoyVASA-assets_examples_audios_joyvasa_004": UNTOLD,
    "echomimic-assets_test_audios_yun": UNTOLD,
}


def bilabial_times_s(teacher: PhonemeTeacher, sound: NDArray[np.float32]) -> list[float]:
    """When hama hears a p, b or m in sound (samples,): the middle of each run of its token."""
    lips = np.array([not t.startswith("<") and fold_ipa(t)[:1] in BILABIAL for t in teacher.tokens])
    said = teacher(to_speech_level(sound)).log_probs.argmax(axis=1)
    heard = np.append(lips[np.minimum(said, len(lips) - 1)] & (said < len(lips)), False)
    edges = np.flatnonzero(np.diff(heard.astype(np.int8), prepend=0))
    return [float(a + b - 1) / 2 * HEARD_S for a, b in edges[: len(edges) // 2 * 2].reshape(-1, 2)]


def met(gaps: NDArray[np.float64], times_s: list[float], first: int = 0) -> list[bool]:
    """Whether lips (L,), of which the first frame is number `first`, touch near each time."""
    found = []
    for at in times_s:
        # A frame shows the middle of its 40 ms.
        low = int(np.ceil((at - NEAR_S) * FPS - 0.5)) - first
        high = int(np.floor((at + NEAR_S) * FPS - 0.5)) + 1 - first
        if low >= 0 and high <= len(gaps):
            found.append(bool(gaps[low:high].min() < CONTACT))
    return found


@dataclass(frozen=True)
class Found:
    """Of one sound: whether lips met at each of its p, b and m, and at how many of all moments."""

    at_lips: list[bool]
    chance: float

    @classmethod
    def of(cls, gaps: NDArray[np.float64], times_s: list[float], first: int = 0) -> "Found":
        """Of lips (L,), of which the first frame is number `first` of the sound."""
        moments_s = np.arange(first / FPS, (first + len(gaps)) / FPS, HEARD_S)
        anywhere = met(gaps, moments_s.tolist(), first)
        return cls(
            met(gaps, times_s, first), float(np.mean(anywhere)) if anywhere else float("nan")
        )


def shares(name: str, found: Sequence[Found]) -> list[Figure]:
    """In how many of the places lips meet, %, and in how many by chance, sound by sound."""
    own = [hit for one in found for hit in one.at_lips]
    if not own:
        print(f"{name}: none")
        return []
    chance = sum(len(one.at_lips) * one.chance for one in found if one.at_lips) / len(own)
    return [
        Figure(f"{name}: closed ({len(own)})", "%", (100 * float(np.mean(own)),)),
        Figure(f"{name}: by chance", "%", (100 * chance,)),
    ]


def language_of(name: str) -> str:
    """By the table; of those not in it, nobody has said anything."""
    own = [told for prefix, told in LANGUAGE_OF.items() if name.startswith(prefix)]
    return own[0] if own else UNTOLD


def speech_files(data: Path) -> dict[str, list[Path]]:
    """The files of the speech set, by group; those held out in one group, and apart by language."""
    groups: dict[str, list[Path]] = defaultdict(list)
    table = data / "speech.csv"
    if not table.exists():
        print(f"{table}: none")
        return {}
    with table.open(encoding="utf-8", newline="") as rows:
        # Some have a name in common, of which only one is left.
        names = sorted({row["file"] for row in csv.DictReader(rows)})
    for name in names:
        path = data / "speech" / name
        kind = "song" if any(part in name.lower() for part in SONG) else "speech"
        if not name.startswith(VAL_SPEECH_PREFIXES):
            groups[f"{kind}, heard in training"].append(path)
            continue
        language = language_of(name)
        if language not in ("English", UNTOLD):
            language = "other languages"
        groups[f"{kind}, held out"].append(path)
        groups[f"{kind}, held out, {language}"].append(path)
    return dict(sorted(groups.items()))


def in_grid(
    teacher: PhonemeTeacher, avatar: Avatar, space: MotionSpace, clips: list[Clip]
) -> list[Figure]:
    """The rule on people whose lips are known."""
    made = animate(avatar, [clip.take for clip in clips])
    real, ours = [], []
    for clip, motion in zip(clips, made, strict=True):
        times = bilabial_times_s(teacher, clip.sound)
        person, model, first = on_sound_time(
            opening(clip.motion, space), opening(motion, space), clip.lead_frames
        )
        real.append(Found.of(person, times, first))
        ours.append(Found.of(model, times, first))
    return [*shares("GRID, real people", real), *shares("GRID, model", ours)]


def in_speech(
    teacher: PhonemeTeacher, avatar: Avatar, space: MotionSpace, paths: Sequence[Path]
) -> dict[Path, Found]:
    """What the model does with each file, of which it says a line."""
    sounds = [decode_audio(path)[: int(LONGEST_S * SAMPLE_RATE)] for path in paths]
    takes = [Take(sound, len(sound) // SAMPLES_PER_FRAME) for sound in sounds]
    found = {}
    for path, sound, motion in zip(paths, sounds, animate(avatar, takes), strict=True):
        own = Found.of(opening(motion, space), bilabial_times_s(teacher, sound))
        found[path] = own
        if own.at_lips:
            print(
                f"{path.stem}: {sum(own.at_lips)} of {len(own.at_lips)},"
                f" by chance {100 * own.chance:.0f} %"
            )
    return found


def main() -> None:
    """Measure GRID, and every group of the speech set."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    teacher = PhonemeTeacher()
    clips = [clip for clip in val_clips(args.data, args.runs) if clip.is_grid]
    figures = in_grid(teacher, avatar, space, clips)
    groups = speech_files(args.data)
    every = sorted({path for paths in groups.values() for path in paths})
    found = in_speech(teacher, avatar, space, [path for path in every if path.exists()])
    if len(found) < len(every):
        print(f"{len(every) - len(found)} of {len(every)} files of the speech set are not there")
    for group, paths in groups.items():
        own = [found[path] for path in paths if path in found]
        figures += shares(f"{group}, {len(own)} files", own)
    report(
        "quality_languages: do the lips meet on p, b and m in any language?",
        figures,
        baseline=measure_baseline(),
        settings={
            "num_steps": avatar.max_steps,
            "contact": CONTACT,
            "near_s": NEAR_S,
            **counts(clips),
        },
    )


if __name__ == "__main__":
    main()
