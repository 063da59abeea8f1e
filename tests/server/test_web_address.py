"""Which addresses of other servers are taken: those that can be asked."""

import httpx
import pytest

from server import web_address

BROKEN = [
    "http://host:abc/whip",
    "http://[::1/whip",
    "http://[zz]/",
    "http://999.1.1.1/",
    "http://a..b/",
    f"http://{'a' * 64}/",
    "http://xn--/",
    "http://host:99999/",
    "http://host:0/",
    "http://host:-1/",
    "http://a/\udcff",
    "http://:80/",
    "http:///secret",
    "ftp://host/secret",
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_nobody_can_be_asked_by_is_refused_unquoted(text: str) -> None:
    with pytest.raises(ValueError, match="found") as refused:
        web_address.parse(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("reference", ["http://[::1", "//h:abc/", "//h:99999/", "x\ty", "mailto:a"])
def test_references_to_nowhere_are_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="found"):
        web_address.join(httpx.URL("http://a/"), reference)


@pytest.mark.parametrize(
    "text", ["http://a", "https://a.example:8443/w?x=1", "http://[::1]:80/w", "http://ä.example/"]
)
def test_what_can_be_asked_stays_as_it_is(text: str) -> None:
    assert web_address.check(text) == text


@pytest.mark.parametrize(
    ("reference", "joined"),
    [
        ("/x", "http://a:1/x"),
        ("y", "http://a:1/b/y"),
        ("//c/", "http://c/"),
        ("https://d", "https://d"),
    ],
)
def test_references_are_joined(reference: str, joined: str) -> None:
    assert web_address.join(httpx.URL("http://a:1/b/x"), reference) == joined
