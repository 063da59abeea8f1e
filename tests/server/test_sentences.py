import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.sentences import MAX_CHARS, split


@pytest.mark.parametrize(
    ("text", "sentences"),
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
def test_splits_where_a_sentence_ends(text: str, sentences: list[str] | None) -> None:
    assert split(text) == ([text] if sentences is None else sentences)


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
    sentences = split(text)
    assert all(0 < len(sentence) <= MAX_CHARS for sentence in sentences)
    said = [c for sentence in sentences for c in sentence if c.isalnum()]
    assert said == [c for c in text if c.isalnum()]
