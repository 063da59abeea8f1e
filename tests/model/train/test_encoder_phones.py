import numpy as np

from model.train.encoder_phones import (
    ARTICULATION,
    PHONES,
    SILENCE,
    UNKNOWN,
    PhoneSpan,
    articulation_table,
    fold_arpabet,
    fold_ipa,
    frame_labels,
)


def test_ipa_of_many_alphabets_folds_onto_the_inventory() -> None:
    assert fold_ipa("ˈbuːk") == ("b", "u", "k")  # noqa: RUF001
    assert fold_ipa("A") == ("e", "ɪ")  # noqa: RUF001
    assert fold_ipa("ä") == ("a",)
    assert fold_ipa("ç") == ("h",)
    assert fold_ipa("ˈː") == ()  # noqa: RUF001


def test_arpabet_folds_with_stress_digits() -> None:
    assert fold_arpabet("AY1") == ("a", "ɪ")  # noqa: RUF001
    assert fold_arpabet("SIL") == ()


def test_every_symbol_folds_into_a_known_phone() -> None:
    for phone in PHONES[1:]:
        assert fold_ipa(phone) == (phone,)


def test_frames_take_the_phone_at_their_time() -> None:
    spans = [PhoneSpan(0.0, 0.05, ()), PhoneSpan(0.05, 0.13, ("a", "ɪ"))]  # noqa: RUF001
    labels = frame_labels(spans, 8, 0.02)
    names = ["?" if label == UNKNOWN else PHONES[label] for label in labels]
    assert names == [SILENCE, SILENCE, SILENCE, "a", "a", "ɪ", "ɪ", "?"]  # noqa: RUF001


def test_lips_close_for_three_phones_and_never_in_silence() -> None:
    table = articulation_table()
    closed = np.flatnonzero(table[:, list(ARTICULATION).index("lips_closed")])
    assert {PHONES[i] for i in closed} == {"p", "b", "m"}
    assert not table[PHONES.index(SILENCE)].any()
