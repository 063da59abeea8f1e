"""When each phone of a GRID sentence is spoken: its words are known, pocketsphinx finds them."""

import re

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

from model.rates import SAMPLE_RATE
from model.train.encoder_phones import PhoneSpan, fold_arpabet

# A clip's name has one letter or digit for each word of its sentence.
_GRID_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    {
        "z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five",
        "6": "six", "7": "seven", "8": "eight", "9": "nine",
    },
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)  # fmt: skip
_SPHINX_FRAME_S = 0.01
_SPHINX_OFFSET_S = 0.008  # boundaries lie between the centres of 25.6 ms windows


def sentence(clip: str) -> list[str] | None:
    """The six words that a clip's name spells, or None if it spells none."""
    code = re.search(r"_([a-z]{4}[z0-9][a-z])(?:\.|$|_)", clip)
    if code is None:
        return None
    letters = zip(_GRID_WORDS, code.group(1), strict=True)
    words = [table.get(letter, "") for table, letter in letters]
    return words if all(words) else None


class GridAligner:
    """Phones of GRID sentences by forced alignment."""

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=SAMPLE_RATE, bestpath=False, lm=None, loglevel="FATAL")

    def align(self, samples: NDArray[np.float32], clip: str) -> list[PhoneSpan] | None:
        """Spans of the clip's phones; None if the name is no sentence or it does not align."""
        words = sentence(clip)
        aligned = None if words is None else self.align_words(samples, words)
        return None if aligned is None else [span for word in aligned for span in word]

    def align_words(
        self, samples: NDArray[np.float32], words: list[str]
    ) -> list[list[PhoneSpan]] | None:
        """Spans of the phones of each word and of the silences between; None if it fails."""
        pcm = (samples * 32767).clip(-32768, 32767).astype(np.int16).tobytes()
        self._decoder.set_align_text(" ".join(words))
        self._run(pcm)
        if self._decoder.hyp() is None:
            return None
        self._decoder.set_alignment()
        self._run(pcm)
        return [
            [
                PhoneSpan(
                    phone.start * _SPHINX_FRAME_S + _SPHINX_OFFSET_S,
                    (phone.start + phone.duration) * _SPHINX_FRAME_S + _SPHINX_OFFSET_S,
                    fold_arpabet(phone.name),
                )
                for phone in word
            ]
            for word in self._decoder.get_alignment()
        ]

    def _run(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
