"""Synthetic voices that say when each phone is spoken, for lips that can be checked by it."""

from collections.abc import Iterator

from model.train.encoder_texts import TEXTS
from model.train.encoder_voices import EspeakVoice, HibariVoice, Utterance, speak_flite

SENTENCES = (
    "Bob put a pumpkin pie on the marble table.",
    "My mother bought a pot of plum jam.",
    "Peter must paint the big barn by Monday.",
    "Maybe the bus stopped below the bank.",
    "A brown puppy jumped upon the bumpy path.",
    "Pam promised Ben a bowl of tomato soup.",
    "The map was published by a famous bishop.",
    "Many people remember the bombing of the bridge.",
    "Please compare both samples before supper.",
    "Tim swam past the bottom of the harbour.",
    "The baby bumped its head on the lamp.",
    "Some members opposed the problem of cheap pumps.",
    "Abby keeps sharp pencils in a paper box.",
    "Mum baked apple muffins for the summer camp.",
    "Robbers mapped the empty bank in April.",
    "A bumblebee came past my open palm.",
    "Rome built amber columns above the pool.",
    "Stop the pump and bring back the hammer.",
    "Simple habits may improve the job market.",
    "Paul and Emma hope to swap their cabins.",
)
# "Known": the audio encoder has heard this voice, or this language's words, in training.
LANGUAGES = {
    "de": "espeak de, known",
    "fr": "espeak fr, known",
    "es": "espeak es, known",
    "fi": "espeak fi, new",
    "ko": "espeak ko, new",
    "cmn-latn-pinyin": "espeak cmn, known",
}
_ESPEAK_VARIANTS = ("", "+m3", "+f2")
_WORDS_PER_MINUTE = 150
_FLITE_PITCH_HZ = 120.0


def utterances() -> Iterator[tuple[str, Utterance]]:
    """The voice's name, and what it says."""
    for sentence in SENTENCES:
        yield "flite awb, new", speak_flite(sentence, "awb", 1.0, _FLITE_PITCH_HZ)
    hibari = HibariVoice()
    for sentence in SENTENCES:
        yield "hibari, known", hibari.speak(sentence, 1.0, 0)
    espeak = EspeakVoice()
    for language, name in LANGUAGES.items():
        for variant in _ESPEAK_VARIANTS:
            voice = language + variant
            yield name, espeak.speak(TEXTS[language], voice, _WORDS_PER_MINUTE, 50, 50)
