"""Track every talking clip and portrait: `python -m model.train.track DATA OUT`.

Writes one `OUT/<clip id>.npz` per clip with `landmarks` (L, 478, 3) float32 in pixels, NaN where no
face was found, and `size_px`; portraits go to `OUT/portraits.npz`. Finished files are kept, so the
program resumes.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.identity.landmarks import NUM_LANDMARKS, FaceDetector, LandmarkTracker, Roi, roi_around


class ClipTracker:
    """Follows one face through a clip, detecting anew when it is lost."""

    def __init__(self) -> None:
        self._detector = FaceDetector()
        self._tracker = LandmarkTracker()
        self._roi: Roi | None = None

    def reset(self) -> None:
        """Forget the last face."""
        self._roi = None

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """Return landmarks (478, 3) in pixels, NaN when no face is found."""
        if self._roi is None:
            faces = self._detector.detect(image)
            if not faces:
                return np.full((NUM_LANDMARKS, 3), np.nan, np.float32)
            first = self._tracker.track(image, max(faces, key=lambda face: face.area).roi)
            # A second look from a crop around the landmarks is what following frames get, too.
            self._roi = None if first is None else roi_around(first)
        landmarks = None if self._roi is None else self._tracker.track(image, self._roi)
        self._roi = None if landmarks is None else roi_around(landmarks)
        return np.full((NUM_LANDMARKS, 3), np.nan, np.float32) if landmarks is None else landmarks


def track_clip(clip: Path, out: Path) -> int:
    """Track one video file into `out`; returns its number of frames."""
    tracker = ClipTracker()
    with av.open(str(clip)) as container:
        images = (
            Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)
        )
        rows = [(tracker(image), image.size[0]) for image in images]
    landmarks = np.stack([row for row, _ in rows])
    np.savez(out, landmarks=landmarks, size_px=rows[0][1])
    return len(rows)


def track_portraits(folder: Path, out: Path) -> None:
    """Track every portrait of a folder into one file: `names`, `landmarks` (N, 478, 3)."""
    tracker = ClipTracker()
    names, rows = [], []
    for path in sorted(folder.glob("*.jpg")):
        tracker.reset()
        names.append(path.name)
        rows.append(tracker(Image.open(path).convert("RGB")))
    np.savez(out, names=np.array(names), landmarks=np.stack(rows))


def main() -> None:
    """Track what is not tracked yet, in two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with clips.csv, clips/ and portraits/")
    parser.add_argument("out", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.data / "clips.csv").open(newline="") as rows:
        ids = [row["id"] for row in csv.DictReader(rows)]
    todo = [i for i in ids if not (args.out / f"{i}.npz").exists()]
    with ProcessPoolExecutor(args.processes) as pool:
        jobs = [
            pool.submit(track_clip, args.data / "clips" / f"{i}.mp4", args.out / f"{i}.npz")
            for i in todo
        ]
        if not (args.out / "portraits.npz").exists():
            track_portraits(args.data / "portraits", args.out / "portraits.npz")
        for done, job in enumerate(jobs, 1):
            job.result()
            if done % 50 == 0:
                print(f"{done}/{len(jobs)} clips", flush=True)


if __name__ == "__main__":
    main()
