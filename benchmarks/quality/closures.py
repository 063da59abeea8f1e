"""Do the lips meet on p, b and m, and part on open vowels? Against real people, and by voices.

`python -m benchmarks.quality.closures DATA RUNS`. Phones come from forced alignment of the GRID
`val` clips, where the real person's lips are measured by the same rules, and from synthetic voices.
The lips meet at a p, b or m if they touch at some time from 40 ms before it to 40 ms after it;
"strict" is within 40 ms of its middle, for all phones alike. Lips that hardly part would pass that:
so it is also asked whether they touch in the middle of open vowels of at least 80 ms (they must
not) and at sounds that the tongue makes, how much wider they are at vowels, and whether the model's
peak at each vowel follows the person's. In parentheses: the number of phones.

Real lips need not meet at a Spanish b between vowels, which our phones do not tell apart.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.animate import CONTACT, correlation, known, load_model
from benchmarks.quality.clips import arguments, counts, val_clips
from benchmarks.quality.spoken import MODEL, REAL, Mouth, Spoken, by_voices, in_grid
from benchmarks.record import Figure, measure_baseline, report
from model.train.encoder_phones import PhoneSpan

Spans = list[PhoneSpan]
Windows = Sequence[NDArray[np.float64] | None]

BILABIAL, TONGUE = ("p", "b", "m"), ("t", "d", "n", "s", "k", "g")
OPEN = ("ɑ", "æ", "ɔ", "a")  # noqa: RUF001 - IPA is meant
# Beside these, lips may touch for their neighbour's sake.
LIPS = (*BILABIAL, "f", "v", "w")
LONG_S = 0.08


def bilabials(spans: Spans) -> Spans:
    """All p, b and m."""
    return [span for span in spans if set(span.phones) & set(BILABIAL)]


def open_vowels(spans: Spans) -> Spans:
    """Open vowels, and diphthongs that begin with one."""
    return [span for span in spans if span.phones[:1] and span.phones[0] in OPEN]


def long_open_vowels(spans: Spans) -> Spans:
    """Those of at least 80 ms."""
    return [span for span in open_vowels(spans) if span.end_s - span.start_s >= LONG_S]


def by_the_tongue(spans: Spans) -> Spans:
    """Phones that the tongue makes, next to neither a pause nor a phone that the lips make."""

    def near_lips(span: PhoneSpan) -> bool:
        return not span.phones or bool(set(span.phones) & set(LIPS))

    return [
        span
        for before, span, after in zip(spans, spans[1:], spans[2:], strict=False)
        if set(span.phones) & set(TONGUE) and not near_lips(before) and not near_lips(after)
    ]


def windows(
    spoken: Sequence[Spoken],
    who: str,
    choose: Callable[[Spans], Spans],
    look: Callable[[Mouth, PhoneSpan], NDArray[np.float64] | None],
) -> Windows:
    """Openings of all mouths of `who` at the chosen phones; None where a clip is too short."""
    return [look(own.mouths[who], span) for own in spoken for span in choose(own.spans)]


def figures_of(spoken: Sequence[Spoken], group: str, who: str) -> list[Figure]:
    """All rows of one group of speakers; says what it leaves out."""
    name = f"{group}, {who}" if REAL in spoken[0].mouths else group
    near = windows(spoken, who, bilabials, Mouth.whole)
    strict = windows(spoken, who, bilabials, Mouth.middle)
    other = windows(spoken, who, by_the_tongue, Mouth.whole)
    other_strict = windows(spoken, who, by_the_tongue, Mouth.middle)
    held = windows(spoken, who, long_open_vowels, Mouth.middle)
    figures = [
        *share(f"{name}: p b m closed", near),
        *share(f"{name}: p b m closed, strict", strict),
        *share(f"{name}: t d n s k g closed", other),
        *share(f"{name}: t d n s k g closed, strict", other_strict),
        *share(f"{name}: open vowels closed", held),
    ]
    gaps = tuple(float(100 * one.min()) for one in near if one is not None)
    if gaps:
        figures.append(Figure(f"{name}: least gap at p b m", "%", gaps))
    wide, narrow = ([one.mean() for one in own if one is not None] for own in (held, strict))
    if wide and narrow:
        contrast = float(100 * (np.mean(wide) - np.mean(narrow)))
        figures.append(Figure(f"{name}: gap at vowels - at p b m", "%", (contrast,)))
    return figures


def share(name: str, found: Windows) -> list[Figure]:
    """In how many of the windows lips touch, in %."""
    touched = [bool(one.min() < CONTACT) for one in found if one is not None]
    if len(touched) < len(found):
        print(f"{name}: {len(found) - len(touched)} of {len(found)} outside the clip, left out")
    if not touched:
        print(f"{name}: none")
        return []
    percent = 100 * float(np.mean(touched))
    return [Figure(f"{name} ({len(touched)})", "%", (percent,))]


def peak_correlation(spoken: Sequence[Spoken], group: str) -> list[Figure]:
    """Over open vowels: the model's widest opening against the person's."""
    real = windows(spoken, REAL, open_vowels, Mouth.whole)
    made = windows(spoken, MODEL, open_vowels, Mouth.whole)
    pairs = [
        (a.max(), b.max())
        for a, b in zip(real, made, strict=True)
        if a is not None and b is not None
    ]
    if len(pairs) < len(real):
        print(f"{group}: {len(real) - len(pairs)} vowels' peaks outside the clip, left out")
    a, b = np.array(pairs).reshape(-1, 2).T
    title = f"{group}: correlation of vowels' peaks ({len(pairs)})"
    kept = known(title, [correlation(a, b)])
    return [Figure(title, "", kept)] if kept else []


def main() -> None:
    """Measure every group and print it."""
    args = arguments(__doc__).parse_args()
    avatar, space = load_model(args.weights)
    clips = val_clips(args.data, args.runs)
    spoken = in_grid(avatar, space, clips) + by_voices(avatar, space)
    figures: list[Figure] = []
    for group in dict.fromkeys(own.group for own in spoken):
        chosen = [own for own in spoken if own.group == group]
        for who in chosen[0].mouths:
            figures += figures_of(chosen, group, who)
        if REAL in chosen[0].mouths:
            figures += peak_correlation(chosen, group)
    report(
        "quality_closures: do the lips meet on p, b and m, and part on open vowels?",
        figures,
        baseline=measure_baseline(),
        settings={"num_steps": avatar.max_steps, "contact": CONTACT, **counts(clips)},
    )


if __name__ == "__main__":
    main()
