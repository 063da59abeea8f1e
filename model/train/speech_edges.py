"""Edges that are heard: where speech begins, and where a p or b lets go of the lips.

Synthesizers and aligners tell the time of a phone each in their own way: of a b some mean the
silence before its burst, some the burst and what follows. Lips must part at the burst itself.
"""

import numpy as np
from numpy.typing import NDArray

from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_phones import PHONES

LIPS_CLOSED = [PHONES.index(phone) for phone in ("p", "b", "m")]
_STEP_S = 0.005
_ROW_S = 0.02
# Of the loudest: what is quieter is silence.
_FLOOR = 1e-3
_SPEECH_DB = -34.0
_RISE_DB = 12.0
_RISE_STEPS = 3
# Rows beside a phone's own in which its burst is looked for.
_REACH_ROWS = 2
# Rows of 20 ms before and after the burst that are the phone: medians of GRID speaker 1, aligned
# by pocketsphinx, from whom the lips of every phone are learnt.
_ROWS_ABOUT_BURST = {"b": (2, 1), "p": (3, 2)}
_LONGEST_CLOSURE_ROWS = 7
# The encoder hears what comes 120 ms before it does; nobody can open a mouth for more than that.
_FORESEEN_FRAMES = 3


def level_db(sound: NDArray[np.floating]) -> NDArray[np.float64]:
    """Level of sound (samples,) every `_STEP_S` (steps,), dB below its loudest."""
    length = int(SAMPLE_RATE * _STEP_S)
    steps = sound[: len(sound) // length * length].reshape(-1, length).astype(np.float64)
    rms = np.sqrt((steps**2).mean(axis=1))
    return np.asarray(20 * np.log10(rms / max(rms.max(initial=0), 1e-9) + _FLOOR))


def rise_db(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the 15 ms from each step on are louder than those before it (steps,), dB."""
    padded = np.pad(level, _RISE_STEPS, mode="edge")
    means = np.convolve(padded, np.ones(_RISE_STEPS) / _RISE_STEPS, "valid")
    return np.asarray(means[_RISE_STEPS:-1] - means[: -_RISE_STEPS - 1])


def at_bursts(labels: NDArray[np.uint8], sound: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Phone labels (rows,) of sound, with each p and b at its first burst, if one is heard."""
    rise = rise_db(level_db(sound))
    per_row = round(_ROW_S / _STEP_S)
    moved = labels.copy()
    for phone, (before, after) in _ROWS_ABOUT_BURST.items():
        said = labels == PHONES.index(phone)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], said, [False]]).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2):
            first = max(start - _REACH_ROWS, 0) * per_row
            near = rise[first : (stop + _REACH_ROWS) * per_row]
            peaks = np.flatnonzero(
                (near >= _RISE_DB)
                & (near >= np.append(near[1:], -np.inf))
                & (near > np.insert(near[:-1], 0, -np.inf))
            )
            if not len(peaks):
                continue
            burst = round((first + int(peaks[0])) / per_row)
            # Who tells of a longer closure knows it: lips are together all the while.
            begin = max(min(start, burst - before), burst - _LONGEST_CLOSURE_ROWS, 0)
            end = min(burst + after, len(labels))
            moved[start:begin] = labels[max(start - 1, 0)]
            moved[end:stop] = labels[min(stop, len(labels) - 1)]
            moved[begin:end] = labels[start]
    return moved


def contacts(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Frames (L,) in which lips must touch for labels (L, rows): a third into each p, b, m.

    No longer: lips part within such a phone, at its burst, and what is heard after that is open.
    """
    said = np.isin(labels.reshape(-1), LIPS_CLOSED)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], said, [False]]).astype(np.int8)))
    closed = np.zeros(len(labels), np.bool_)
    for start, stop in edges.reshape(-1, 2):
        # A frame shows the time of its second label.
        closed[min((start + (stop - start - 1) // 3) // labels.shape[1], len(labels) - 1)] = True
    return closed


def earlier(labels: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """Labels (n,) so many rows earlier; the last one lasts to the end."""
    return np.concatenate([labels[rows:], np.repeat(labels[-1:], rows)])


def rest_before(
    sound: NDArray[np.int16], mouth: NDArray[np.float32], lead_frames: int
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Put a silence before sound (samples,), in which its mouth (L, K) rests.

    A filmed mouth opens for a breath before it speaks; one that cannot know that it will
    speak must not.
    """
    speech = np.flatnonzero(level_db(sound.astype(np.float32)) > _SPEECH_DB)
    moves = len(mouth)
    if len(speech):
        moves = int(speech[0] * _STEP_S * FPS) - _FORESEEN_FRAMES
    opened = np.clip((np.arange(len(mouth)) - moves + 1) / _FORESEEN_FRAMES, 0, 1)
    rested = (mouth * opened[:, None]).astype(np.float32)
    return (
        np.pad(sound, (lead_frames * SAMPLES_PER_FRAME, 0)),
        np.pad(rested, ((lead_frames, 0), (0, 0))),
    )
