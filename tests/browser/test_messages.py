"""client_web/messages.js says the same as server/messages.py."""

import dataclasses
import typing

import pytest
from playwright.sync_api import Page

from server import messages

pytestmark = pytest.mark.browser

JS_TYPES = {str: "string", bool: "boolean", int: "number", float: "number"}


def fields_of(kinds: object) -> dict[str, dict[str, str]]:
    """Return every message's fields and their JavaScript types, as messages.js lists them."""
    return {
        _name(kind): {
            name: _js_type(hint)
            for name, hint in typing.get_type_hints(kind).items()
            if name != "type"
        }
        for kind in typing.get_args(kinds)
    }


def _name(kind: typing.Any) -> str:
    by_name = {field.name: field for field in dataclasses.fields(kind)}
    return str(by_name["type"].default)


def _js_type(hint: typing.Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return JS_TYPES[type(typing.get_args(hint)[0])]
    return JS_TYPES[hint]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (typing.get_args(messages.ClientMessage)[0], "CLIENT_FIELDS"),
        (messages.ServerMessage, "SERVER_FIELDS"),
    ],
)
def test_both_sides_know_the_same_messages(idle_page: Page, ours: object, theirs: str) -> None:
    in_browser = idle_page.evaluate(f"import('/messages.js').then((m) => m.{theirs})")
    assert in_browser == fields_of(ours)


def test_both_sides_know_the_same_expressions(idle_page: Page) -> None:
    hint = typing.get_type_hints(messages.Expression)["name"]
    in_browser = idle_page.evaluate("import('/messages.js').then((m) => m.EXPRESSIONS)")
    assert in_browser == list(typing.get_args(hint))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "expression", "name": "happy", "strength": 1},
        {"type": "head_motion", "speed": 0.25},
        {"type": "pause", "paused": True},
        {"type": "portrait", "id": "morisot"},
        {"type": "record", "active": True},
    ],
)
def test_the_server_reads_what_the_page_writes(idle_page: Page, message: dict[str, object]) -> None:
    text = idle_page.evaluate(
        "(message) => import('/messages.js').then((m) => m.encode(message))", message
    )
    assert messages.parse(text).type == message["type"]
