"""Do the lips meet on p, b and m in any language, and in song? By the phones that `hama` hears.

`python -m benchmarks.quality.languages DATA RUNS`. Nobody has labelled this speech: a recognizer
of phones (hama, which reads sound whole and knows no language) says where a p, b or m is; the lips
meet there if they touch within 60 ms of it. The same is asked of real people and of the model on
the GRID `val` clips, whose lips are known, so that the rule itself is seen. "Held out": no part of
the model has heard these files. The others it has, with lips made from what hama heard in them, so
only the held-out rows prove anything.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import (
    CONTACT,
    Clip,
    Take,
    animate,
    arguments,
    load_model,
    on_sound_time,
    opening,
    val_clips,
)
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import Avatar
from model.motion.space import MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_corpus import VAL_SPEECH_PREFIXES
from model.train.encoder_phones import fold_ipa
from model.train.encoder_targets import to_speech_level
from model.train.encoder_teacher import PhonemeTeacher
from model.train.recording import decode_audio

BILABIAL = (("p",), ("b",), ("m",))
NEAR_S = 0.06
HEARD_S = 0.02
LONGEST_S = 30.0
# Of the files of the speech set, by what their names say.
SONG = ("itosinger", "song", "sing")


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


def share(name: str, found: list[bool]) -> Figure:
    """In how many of the places lips touch, %."""
    return Figure(f"{name} ({len(found)})", "%", (100 * float(np.mean(found)),))


def speech_files(data: Path) -> dict[str, list[Path]]:
    """The files of the speech set, by group."""
    groups: dict[str, list[Path]] = defaultdict(list)
    with (data / "speech.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            name = row["file"]
            held_out = name.startswith(VAL_SPEECH_PREFIXES)
            kind = "song" if any(part in name.lower() for part in SONG) else "speech"
            groups[f"{kind}, {'held out' if held_out else 'heard in training'}"].append(
                data / "speech" / name
            )
    return groups


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
        real += met(person, times, first)
        ours += met(model, times, first)
    return [share("GRID, real people: closed", real), share("GRID, model: closed", ours)]


def main() -> None:
    """Measure GRID, and every group of the speech set."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    teacher = PhonemeTeacher()
    figures = in_grid(
        teacher, avatar, space, [c for c in val_clips(args.data, args.runs) if c.is_grid]
    )
    for group, files in sorted(speech_files(args.data).items()):
        sounds = [decode_audio(path)[: int(LONGEST_S * SAMPLE_RATE)] for path in files]
        takes = [Take(sound, len(sound) // SAMPLES_PER_FRAME) for sound in sounds]
        found: list[bool] = []
        for path, sound, motion in zip(files, sounds, animate(avatar, takes), strict=True):
            own = met(opening(motion, space), bilabial_times_s(teacher, sound))
            found += own
            if own:
                print(f"{path.stem}: {sum(own)} of {len(own)}")
        figures.append(share(f"{group}: closed", found))
    report(
        "quality_languages: do the lips meet on p, b and m in any language?",
        figures,
        baseline=measure_baseline(),
        settings={"num_steps": avatar.max_steps, "contact": CONTACT, "near_s": NEAR_S},
    )


if __name__ == "__main__":
    main()
