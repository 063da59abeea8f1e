"""What does it look like? The model's lips over the real person's, with phones on the axis.

`python -m benchmarks.quality.aperture DATA RUNS --out lips.png [--clips 6]`. Draws how far the
inner lips are open in the first GRID `val` clips of each group of speakers, by name: no choice of
the best. Needs the extra `plots`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.quality.animate import CONTACT, load_model
from benchmarks.quality.clips import arguments, val_clips
from benchmarks.quality.closures import BILABIAL
from benchmarks.quality.spoken import MODEL, REAL, Spoken, in_grid
from model.rates import FPS
from model.train.encoder_phones import PhoneSpan

_INCHES = (13.0, 2.2)


def draw(axes: Axes, spoken: Spoken) -> None:
    """Draw one clip: the person, the model, where lips touch, and what is said."""
    for who, colour in ((REAL, "black"), (MODEL, "tab:red")):
        mouth = spoken.mouths[who]
        times_s = (np.arange(len(mouth.opening)) + mouth.first + 0.5) / FPS
        axes.plot(times_s, 100 * mouth.opening, color=colour, linewidth=1.2)
    axes.axhline(100 * CONTACT, color="gray", linewidth=0.6, linestyle="--")
    mark(axes, spoken.spans)
    axes.set_ylabel("opening, %")
    axes.margins(x=0)


def mark(axes: Axes, spans: Sequence[PhoneSpan]) -> None:
    """Write each phone in the middle of its time, and shade those that close the lips."""
    said = [span for span in spans if span.phones]
    middles_s = [(span.start_s + span.end_s) / 2 for span in said]
    axes.set_xticks(middles_s, ["".join(span.phones) for span in said], fontsize=8)
    for span in said:
        if set(span.phones) & set(BILABIAL):
            axes.axvspan(span.start_s, span.end_s, color="tab:blue", alpha=0.2)


def main() -> None:
    """Animate, draw, write the picture."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=Path("lips.png"))
    parser.add_argument("--clips", type=int, default=6, help="of each group of speakers")
    args = parser.parse_args()
    avatar, space = load_model(args.weights)
    clips = sorted(val_clips(args.data, args.runs), key=lambda clip: clip.clip_id)
    grid = [clip for clip in clips if clip.is_grid]
    groups = dict.fromkeys(clip.group for clip in grid)
    first = [clip for name in groups for clip in [c for c in grid if c.group == name][: args.clips]]
    spoken = in_grid(avatar, space, first)
    if not spoken:
        raise SystemExit("aligned GRID clips of val: none, expected at least 1 to draw")
    figure = Figure(figsize=(_INCHES[0], _INCHES[1] * len(spoken)), layout="constrained")
    for axes, own in zip(figure.subplots(len(spoken), squeeze=False)[:, 0], spoken, strict=True):
        draw(axes, own)
        axes.set_title(f"{own.group}: person black, model red", fontsize=9)
    figure.savefig(args.out, dpi=90)
    print(f"{args.out}: {len(spoken)} clips")


if __name__ == "__main__":
    main()
