import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import sentences
from server.sentences import MAX_CHARS, split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ("Dr. Smith met Mrs. Jones at 3.30 p.m. on the dot.", None),
        ("Pi is 3.14159, or so.", None),
        ("See example.com and v1.2.3 of it.", None),
        ("J. K. Rowling wrote it. I read it.", ["J. K. Rowling wrote it.", "I read it."]),
        ("Well... maybe not. Fine.", ["Well... maybe not.", "Fine."]),
        ("And then… Nothing.", ["And then…", "Nothing."]),
        ('"Why?" she asked. "Because."', ['"Why?" she asked.', '"Because."']),
        ("“It ends.” “It does (truly).” So.", ["“It ends.”", "“It does (truly).”", "So."]),
        ("Use salt, e.g. Maldon.", None),
        ("Am 3. Mai war es warm. Danach nicht.", ["Am 3. Mai war es warm.", "Danach nicht."]),
        ("That was in 2024. Then it stopped.", ["That was in 2024.", "Then it stopped."]),
        ("¿Qué tal? ¡Bien!", ["¿Qué tal?", "¡Bien!"]),
        (
            "你好。今天天气很好！「是吗？」是的。",
            ["你好。", "今天天气很好！", "「是吗？」", "是的。"],
        ),
        ("كيف حالك؟ بخير.", ["كيف حالك؟", "بخير."]),
        ("यह एक है। यह दो है।", ["यह एक है।", "यह दो है।"]),
        ("A title\n\nand what\nfollows it", ["A title", "and what follows it"]),
        ("... -- !!!\n\n🙂", []),
        ("", []),
    ],
)
def test_splits_where_a_sentence_ends(text: str, expected: list[str] | None) -> None:
    assert split(text) == ([text] if expected is None else expected)


def test_a_long_sentence_is_cut_at_a_clause_else_between_words() -> None:
    clauses = "word " * 50 + "here, " + "word " * 50
    first, second = split(clauses)
    assert first.endswith("here,")
    assert second.startswith("word")
    pieces = split("word " * 200)
    assert all(piece.split() == ["word"] * len(piece.split()) for piece in pieces)
    assert [len(piece) for piece in split("x" * (MAX_CHARS + 5))] == [MAX_CHARS, 5]


@given(st.text(st.sampled_from("Ab1 .,!?…。\n\"'()”")))
def test_loses_no_word_and_stays_within_the_bound(text: str) -> None:
    found = split(text)
    assert all(0 < len(sentence) <= MAX_CHARS for sentence in found)
    said = [c for sentence in found for c in sentence if c.isalnum()]
    assert said == [c for c in text if c.isalnum()]


class Searched:
    """In place of a pattern: counts the characters it is asked to search."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.characters = 0

    def search(self, text: str) -> re.Match[str] | None:
        self.characters += len(text)
        return self.pattern.search(text)


@pytest.mark.parametrize("text", ["A. " * 2000, "x" * 2000 + " A." * 2000, "Ab. " * 2000])
def test_what_is_looked_at_for_a_mark_does_not_grow_with_the_text(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    searched = Searched(sentences._WORD_BEFORE)
    monkeypatch.setattr(sentences, "_WORD_BEFORE", searched)
    assert split(text)
    assert 0 < searched.characters <= 10 * 2000


def test_a_run_of_marks_is_tried_once() -> None:
    tried = [sentences._END.match(f"{'.' * 20}x", start) for start in range(20)]
    assert tried == [None] * 20
    # Not from its midst, though white space follows.
    found = [sentences._END.match(f"{'.' * 20} x", start) for start in range(20)]
    assert [start for start, match in enumerate(found) if match] == [0]
