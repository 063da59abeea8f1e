"""Text cut into the sentences that are spoken one by one.

Where it is not clear that a sentence ends, none does: two sentences spoken as one sound better than
one spoken as two.
"""

import re
from collections.abc import Iterator

# What a voice is given at once. More is cut at clauses, else between words.
MAX_CHARS = 300

_PARAGRAPH = re.compile(r"\n\s*\n")
_CLOSING = "\"'”’»›)\\]}」』）】"
_MARKS = ".!?…‽؟۔।॥։"
# Full-width marks need no space after them. The others are tried at the first of a run only, and
# whole: else the time to read "....x" would grow with the square of its length.
_END = re.compile(
    rf"(?<![{_MARKS}])(?P<mark>[{_MARKS}]++)[{_CLOSING}]*+(?=\s)|(?P<wide>[。！？｡]+)[{_CLOSING}]*"
)
_OPENING = re.compile(r"[\"'“‘„«‹(\[{¿¡「『（【\-–—]*")
_CLAUSE = re.compile(r"[,;:—–،؛](?=\s)|[，、；：]")
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘„«]+$")

# A point after these ends no sentence, unless nothing follows. English, German, French, Spanish.
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st mt rev hon gen col sgt capt lt gov sen rep jr sr messrs
    vs cf fig figs eq eqs no nos vol vols pp ch sec ed eds approx dept est ca resp incl
    jan feb apr jun jul aug sept sep oct nov dec e.g i.e a.m p.m u.s u.k ph.d
    bzw z.b d.h u.a usw nr hr fr str bspw ggf vgl evtl mme mlle mgr sra srta av p.ex
    """.split()  # noqa: SIM905  (as a list, it would be one word a line)
)
_LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS))


def split(text: str) -> list[str]:
    """Return the sentences of ``text``, at most MAX_CHARS long; each has a letter or digit.

    White space within a sentence becomes one space. A blank line always ends a sentence.
    """
    sentences: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        for sentence in _of_paragraph(" ".join(paragraph.split())):
            sentences.extend(_bounded(sentence))
    return [sentence for sentence in sentences if any(map(str.isalnum, sentence))]


def _of_paragraph(paragraph: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(paragraph):
        if end.end() < len(paragraph) and _ends(paragraph, start, end):
            yield paragraph[start : end.end()].strip()
            start = end.end()
    yield paragraph[start:].strip()


def _ends(paragraph: str, start: int, end: re.Match[str]) -> bool:
    """Whether the sentence from ``start`` on ends at ``end``, which more follows."""
    mark = end["mark"]
    if mark is None:
        return True
    # One space stands there. Nothing is cut out of the paragraph: there may be thousands of marks.
    after = _OPENING.match(paragraph, end.end() + 1)
    assert after is not None
    if paragraph[after.end() : after.end() + 1].islower():
        return False
    if mark != ".":
        return True
    # One letter more than those that are known, to tell a longer word.
    before = paragraph[max(start, end.start() - _LONGEST_ABBREVIATION - 1) : end.start()]
    found = _WORD_BEFORE.search(before)
    word = found[0] if found else ""
    # Initials ("J. K. Rowling"), ordinals ("3. Mai") and numbered points.
    if (len(word) == 1 and word.isalpha()) or (word.isdigit() and len(word) <= 2):
        return False
    return word.lower() not in _ABBREVIATIONS


def _bounded(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_CHARS:
        cuts = [clause.end() for clause in _CLAUSE.finditer(sentence, 0, MAX_CHARS + 1)]
        # A cut in its first half would leave a fragment.
        cut = next((cut for cut in reversed(cuts) if MAX_CHARS // 2 < cut <= MAX_CHARS), None)
        if cut is None:
            space = sentence.rfind(" ", 1, MAX_CHARS + 1)
            cut = space if space > 0 else MAX_CHARS
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    yield sentence
