"""Are the lips of every source in step with its sound? `python -m model.train.lips_lag DATA RUNS`.

For filmed people and for voices that were given lips (`model.train.phone_lips`): by how many ms the
lips open after it gets loud, where the correlation of opening and loudness is highest, mean over
the recordings. What differs between sources is how late their phones' times are: in filmed people
it is not zero either. Nothing is written.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.avatar import DEFAULT_WEIGHTS
from model.motion.space import MotionSpace
from model.rates import FRAME_MS, SAMPLES_PER_FRAME
from model.train.encoder_batches import PCM_SCALE, Corpus
from model.train.motion_data import on_lips_time, usable_clips
from model.train.phone_lips import gap_of
from model.train.recording import decode_audio

_REACH = 5
_RANGE_DB = 40.0
_FEWEST_FRAMES = 50


def loudness(sound: NDArray[np.floating], frames: int) -> NDArray[np.float64]:
    """How far above the quietest that counts each frame is (frames,), dB; sound (samples,)."""
    length = frames * SAMPLES_PER_FRAME
    padded = np.pad(sound[:length], (0, max(0, length - len(sound))))
    power = (padded.reshape(frames, SAMPLES_PER_FRAME).astype(np.float64) ** 2).mean(axis=1)
    level = 10 * np.log10(power + 1e-9)
    return np.asarray(np.clip(level - level.max() + _RANGE_DB, 0, None), np.float64)


def correlations(loud: NDArray[np.float64], gaps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Correlation (2 * _REACH + 1,) of loudness with the opening that many frames later."""
    found = []
    for lag in range(-_REACH, _REACH + 1):
        a = loud[max(0, -lag) : len(loud) - max(0, lag)]
        b = gaps[max(0, lag) : len(gaps) - max(0, -lag)]
        found.append(np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else 0.0)
    return np.array(found)


def peak_ms(means: NDArray[np.float64]) -> float:
    """Where a parabola through the highest and its neighbours peaks, ms; NaN at the rim."""
    top = int(means.argmax())
    if not 0 < top < len(means) - 1:
        return float("nan")
    before, here, after = means[top - 1 : top + 2]
    return float(FRAME_MS * (top - _REACH + 0.5 * (before - after) / (before - 2 * here + after)))


def main() -> None:
    """Correlate, print a line for each source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    args = parser.parse_args()
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    across = gap_of(space).mean(dim=1).numpy()
    found: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for row in usable_clips(args.data / "clips.csv", "train"):
        motion = np.load(args.runs / "motion" / f"{row['id']}.npz")["motion"]
        loud = loudness(decode_audio(args.data / "clips" / f"{row['id']}.mp4"), len(motion))
        lead = int(row["lips_lead_frames"])
        motion, columns = on_lips_time(motion, loud[None].astype(np.float32), lead)
        if len(motion) >= _FEWEST_FRAMES:
            gaps = motion[:, space.mouth] @ across
            found[f"filmed: {row['source']}"].append(correlations(columns[0], gaps))
    corpus = Corpus(args.runs / "encoder")
    for path in sorted((args.runs / "spoken").glob("*.npz")):
        with np.load(path) as arrays:
            sound, mouth = arrays["sound"] * PCM_SCALE, arrays["mouth"]
        if len(mouth) >= _FEWEST_FRAMES:
            loud = loudness(sound, len(mouth))
            found[str(corpus.sources[int(path.stem)])].append(correlations(loud, mouth @ across))
    for source, rows in sorted(found.items()):
        means = np.mean(rows, axis=0)
        print(f"{source:32} {len(rows):4} {peak_ms(means):+5.0f} ms, r {means.max():.2f}")


if __name__ == "__main__":
    main()
