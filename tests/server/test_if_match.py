import pytest

from server import if_match
from server.problems import Problem

ETAG = '"a,b"'


@pytest.mark.parametrize(
    "fields",
    [
        ['"a,b"'],
        ["*"],
        ['"*"'],
        ['"x", "a,b"'],
        ['"x","a,b" ,"y"'],
        [' , "a,b"'],
        ['"x"', '"a,b"'],
        ['"x", "*"'],
    ],
)
def test_what_names_the_session(fields: list[str]) -> None:
    if_match.check(fields, ETAG)


@pytest.mark.parametrize(
    "fields", [['"x"'], ["a,b"], ['W/"a,b"'], ['"a,b'], ['"a", "b"'], ["x*"], ['"x" "a,b"'], [""]]
)
def test_what_names_another(fields: list[str]) -> None:
    with pytest.raises(Problem, match=r'found If-Match: .*, expected the ETag "a,b"') as caught:
        if_match.check(fields, ETAG)
    assert (caught.value.status, caught.value.code) == (412, "other-ice-session")


@pytest.mark.parametrize("fields", [None, []])
def test_that_it_is_needed(fields: list[str] | None) -> None:
    with pytest.raises(Problem, match="found no If-Match header, expected the ETag") as caught:
        if_match.check(fields, ETAG)
    assert (caught.value.status, caught.value.code) == (428, "if-match-required")
