import pytest

from server.script import Line, ScriptError, read

SCRIPT = """# The *title*, at last

First sentence of it. The second
goes on with `code` and [a link](http://example.com).
<!-- pause 2s -->

- one item
- another, with ![a picture](p.png) in it

<!-- a note to myself -->

```python
print("not spoken")
```

> Quoted. <!-- pause 500ms --> And on.

<div>not spoken</div>

| a | b |
|---|---|
| left | right |
"""


def test_a_script_is_read_as_it_is_spoken() -> None:
    assert read(SCRIPT) == [
        Line("The title, at last", 250),
        Line("First sentence of it.", 0),
        Line("The second goes on with code and a link.", 2250),
        Line("one item", 250),
        Line("another, with  in it".replace("  ", " "), 250),
        Line("Quoted.", 500),
        Line("And on.", 250),
        Line("a", 250),
        Line("b", 250),
        Line("left", 250),
        Line("right", 250),
    ]


def test_pauses_add_up_and_one_before_everything_does_not_count() -> None:
    text = "<!-- pause 1s -->\n\nHere.\n\n<!-- pause 1.5s -->\n<!-- PAUSE 10ms -->\n"
    assert read(text) == [Line("Here.", 250 + 1510)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "nothing to say"),
        ("```\ncode\n```", "nothing to say"),
        ("Here.\n\n<!-- pause two seconds -->", "expected <!-- pause 2s -->"),
        ("Here. <!-- pause 2 --> There.", "expected <!-- pause 2s -->"),
        ("Here.\n\n<!-- pause 61s -->", "61000 ms, expected at most 60000"),
    ],
)
def test_what_cannot_be_presented_is_told(text: str, found: str) -> None:
    with pytest.raises(ScriptError, match=found):
        read(text)
