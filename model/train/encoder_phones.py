"""A small phone inventory shared by all languages, and what each phone does with the lips.

IPA symbols of every voice and transcript that trains the audio encoder are folded onto it: sounds
that look and sound alike share a class (all rhotics are `ɹ`, all dorsal fricatives are `h`).
"""

# ruff: noqa: RUF001 - IPA letters are meant

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SILENCE = "sil"
_CONSONANTS = "p b m f v w θ ð t d s z ʃ ʒ n l ɹ k g ŋ h j"
_VOWELS = "i ɪ e ɛ æ a ɑ ɔ o ʊ u ʌ ə ɜ y ø ɯ"
PHONES: tuple[str, ...] = (SILENCE, *f"{_CONSONANTS} {_VOWELS}".split())
UNKNOWN = 255
"""Label of a frame whose phone nobody knows; it takes no part in the loss."""

_FOLD_GROUPS = {
    "p": "pɸ", "b": "bβɓ", "m": "mɱ", "f": "f", "v": "vʋ", "w": "wʍɥ", "θ": "θ", "ð": "ð",
    "t": "tʈT", "d": "dɖɗ", "s": "sʦ", "z": "zʣ", "ʃ": "ʃɕʂ", "ʒ": "ʒʑʐ", "n": "nɲɳɴ",
    "l": "lɫʎɮɭ", "ɹ": "ɹrɾɽɻʀʁ", "k": "kcq", "g": "gɡɟɢ", "ŋ": "ŋ", "h": "hɦxχħçɣʕ", "j": "jʝ",
    "i": "i", "ɪ": "ɪᵻ", "e": "e", "ɛ": "ɛ", "æ": "æ", "a": "aɐ", "ɑ": "ɑɒ", "ɔ": "ɔ",
    "o": "oɤ", "ʊ": "ʊ", "u": "uʉ", "ʌ": "ʌ", "ə": "əɘᵊɵ", "ɜ": "ɜɚɝ", "y": "yʏ", "ø": "øœ",
    "ɯ": "ɯɨɰ",
}  # fmt: skip
_FOLD = {symbol: phone for phone, symbols in _FOLD_GROUPS.items() for symbol in symbols}

# Symbols of one letter that stand for two sounds (misaki's alphabet, used by hibari).
_PAIRS = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "ʧ": "tʃ", "ʤ": "dʒ",
}  # fmt: skip

_ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b",
    "ch": "tʃ", "d": "d", "dh": "ð", "eh": "ɛ", "er": "ɜ", "ey": "eɪ", "f": "f", "g": "g",
    "hh": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n",
    "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip

ARTICULATION: dict[str, str] = {
    "lips_closed": "p b m",
    "lip_on_teeth": "f v",
    "rounded": "w u ʊ o ɔ y ø ʃ ʒ",
    "spread": "i ɪ e ɛ j s z",
    "open": "æ a ɑ ʌ ɛ ɔ",
    "tongue_tip": "θ ð t d s z n l ʃ ʒ",
    "tongue_back": "k g ŋ h",
    "nasal": "m n ŋ",
    "fricative": "f v θ ð s z ʃ ʒ h",
    "vowel": _VOWELS,
    "voiced": f"b m v w ð d z ʒ n l ɹ g ŋ j {_VOWELS}",
    "speech": " ".join(PHONES[1:]),
}
"""Articulatory attributes, one probability each in the encoder's training targets."""


class PhoneSpan(NamedTuple):
    """One labelled stretch of sound, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    phones: tuple[str, ...]


def fold_ipa(text: str) -> tuple[str, ...]:
    """Phones of `PHONES` in an IPA string; stress, length and tone marks are skipped."""
    known = "".join(s if s in _FOLD else unicodedata.normalize("NFD", s) for s in text)
    expanded = "".join(_PAIRS.get(symbol, symbol) for symbol in known)
    return tuple(_FOLD[symbol] for symbol in expanded if symbol in _FOLD)


def fold_arpabet(text: str) -> tuple[str, ...]:
    """Phones of `PHONES` for one ARPABET symbol (stress digits allowed); () for noise marks."""
    return fold_ipa(_ARPABET.get(text.lower().rstrip("012"), ""))


def frame_labels(spans: Sequence[PhoneSpan], frames: int, frame_s: float) -> NDArray[np.uint8]:
    """(frames,) phone indices at times i * frame_s; UNKNOWN where no span covers that time.

    The sounds of a span with several phones (a diphthong, an affricate) share its time evenly. A
    span without phones is silence.
    """
    labels = np.full(frames, UNKNOWN, np.uint8)
    for start_s, end_s, phones in spans:
        sounds = phones or (SILENCE,)
        step_s = (end_s - start_s) / len(sounds)
        for index, sound in enumerate(sounds):
            first = int(np.ceil((start_s + index * step_s) / frame_s))
            last = int(np.ceil((start_s + (index + 1) * step_s) / frame_s))
            labels[max(first, 0) : max(last, 0)] = PHONES.index(sound)
    return labels


def articulation_table() -> NDArray[np.float32]:
    """(len(PHONES), len(ARTICULATION)) of 0 and 1."""
    table = np.zeros((len(PHONES), len(ARTICULATION)), np.float32)
    for column, phones in enumerate(ARTICULATION.values()):
        for phone in phones.split():
            table[PHONES.index(phone), column] = 1.0
    return table
