"""A presenter's script in Markdown: what of it is spoken, and where it pauses.

Headings, paragraphs, list items, quotes and table cells are spoken; code blocks, images, HTML and
its comments are not. ``<!-- pause 2s -->`` (or ``500ms``) is a silence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from server.sentences import split

MAX_PAUSE_MS = 60_000
# Between what stands in blocks of its own; a sentence brings a breath along already.
_BLOCK_PAUSE_MS = 250
_PAUSE = re.compile(r"<!--\s*pause\s+(\d+(?:\.\d+)?)\s*(ms|s)\s*-->", re.IGNORECASE)
_LIKE_PAUSE = re.compile(r"<!--\s*pause\b", re.IGNORECASE)


class ScriptError(Exception):
    """A script that cannot be presented; says what was found and what was expected."""


@dataclass(frozen=True)
class Line:
    """A sentence, and the silence after it."""

    text: str
    pause_ms: int


def read(markdown: str) -> list[Line]:
    """Return what is to be said, in order; a pause before the first sentence does not count.

    Raises ScriptError: nothing to say, or a pause that is none.
    """
    lines: list[Line] = []
    for block in MarkdownIt("commonmark").enable("table").parse(markdown):
        # A pause stands within a paragraph, or alone between two.
        for part in _parts(block):
            if isinstance(part, int):
                _pause(lines, part)
                continue
            lines.extend(Line(sentence, 0) for sentence in split(part))
        if block.type == "inline":
            _pause(lines, _BLOCK_PAUSE_MS)
    if not lines:
        raise ScriptError("found nothing to say in the script, expected headings or paragraphs")
    return lines


def _pause(lines: list[Line], pause_ms: int) -> None:
    if lines:
        last = lines[-1]
        lines[-1] = Line(last.text, min(MAX_PAUSE_MS, last.pause_ms + pause_ms))


def _parts(block: Token) -> Iterator[str | int]:
    """Yield the texts of a block, and its pauses in ms."""
    if block.type == "html_block":
        yield from _pauses(block.content)
        return
    text = ""
    for token in block.children or ():
        if token.type == "html_inline" and _LIKE_PAUSE.match(token.content):
            yield text
            yield from _pauses(token.content)
            text = ""
        elif token.type in ("text", "code_inline"):
            text += token.content
        elif token.type in ("softbreak", "hardbreak"):
            text += " "
    yield text


def _pauses(html: str) -> Iterator[int]:
    found = _PAUSE.findall(html)
    if len(found) != len(_LIKE_PAUSE.findall(html)):
        raise ScriptError(f"found {html.strip()[:60]!r}, expected <!-- pause 2s --> or 500ms")
    for number, unit in found:
        pause_ms = round(float(number) * (1000 if unit.lower() == "s" else 1))
        if pause_ms > MAX_PAUSE_MS:
            raise ScriptError(f"found a pause of {pause_ms} ms, expected at most {MAX_PAUSE_MS}")
        yield pause_ms
