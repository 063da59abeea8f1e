"""A call with an uploaded portrait: another key, and a server that has forgotten the picture."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import add_portrait, expect_live
from tests.browser.test_avatars import ME
from tests.browser.test_call import wait_for_heard
from tests.browser.test_page import expect_notice, problem

pytestmark = pytest.mark.browser


@pytest.fixture
def uploads(idle_call: Page) -> list[str]:
    """The ids of what the page uploads; then it is in a call that shows the first."""
    ids: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        ids.append(f"upload-{len(ids) + 1}")
        url = f"/v1/portraits/morisot/image?{ids[-1]}"
        route.fulfill(status=201, json={"id": ids[-1], "image_url": url})

    idle_call.route("**/v1/portraits", answer)
    add_portrait(idle_call, ME)
    expect(idle_call.locator("#still")).to_have_attribute("alt", "me.jpg")
    idle_call.click("#start")
    expect_live(idle_call)
    return ids


def shown_portraits(page: Page) -> list[str]:
    portraits: list[str] = page.evaluate("likenessServer.calls.map(({ portrait }) => portrait)")
    return portraits


def forget(page: Page, *portraits: str) -> None:
    """Let the server be started again: it has none of `portraits`."""
    page.evaluate(
        "(portraits) => { likenessServer.forgotten = portraits; likenessServer.drop() }",
        list(portraits),
    )


@pytest.mark.usefixtures("uploads")
def test_a_new_key_does_not_change_the_face_of_a_call(idle_call: Page) -> None:
    with idle_call.expect_response("**/v1/avatars"):
        idle_call.evaluate("location.hash = 'key=lk_a_b'")
    expect(idle_call.locator(".tile img[src^=blob]")).to_have_count(3)
    expect(idle_call.locator("#still")).to_have_attribute("alt", "me.jpg")
    expect(idle_call.locator("input[value=upload-1]")).to_be_checked()
    wait_for_heard(idle_call, "portrait", [])


def test_a_key_that_opens_less_leaves_what_a_call_shows(call: Page) -> None:
    call.route("**/v1/portraits", lambda route: route.fulfill(json=[]))
    with call.expect_response("**/v1/avatars"):
        call.evaluate("location.hash = 'key=lk_a_b'")
    expect(call.locator(".tile input[type=radio]")).to_have_count(1)
    expect(call.locator("input[value=astronaut]")).to_be_checked()
    wait_for_heard(call, "portrait", [])


def test_an_upload_that_the_server_has_forgotten_is_sent_again(
    idle_call: Page, uploads: list[str]
) -> None:
    forget(idle_call, "upload-1")
    idle_call.wait_for_function("likenessServer.calls.length === 2")
    expect_live(idle_call)
    assert shown_portraits(idle_call) == uploads == ["upload-1", "upload-2"]
    expect(idle_call.locator("input[value=upload-2]")).to_be_checked()
    wait_for_heard(idle_call, "portrait", [])
    idle_call.click("#start")
    idle_call.click("#start")
    idle_call.wait_for_function("likenessServer.calls.length === 3")
    assert shown_portraits(idle_call)[-1] == "upload-2"


def test_one_that_is_forgotten_at_once_is_sent_again_only_once(
    idle_call: Page, uploads: list[str]
) -> None:
    forget(idle_call, "upload-1", "upload-2", "upload-3")
    expect_notice(idle_call, "This portrait is no longer here", "Add it again")
    expect(idle_call.locator("body")).to_have_attribute("data-call", "idle")
    expect(idle_call.locator("#still")).to_have_attribute("alt", "Astronaut")
    assert uploads == ["upload-1", "upload-2"]


@pytest.mark.usefixtures("uploads")
def test_why_it_cannot_be_sent_again_is_told(idle_call: Page) -> None:
    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            problem(route, 422, "unusable-portrait", "by the test")
        else:
            route.fallback()

    idle_call.route("**/v1/portraits", refuse)
    forget(idle_call, "upload-1")
    expect_notice(idle_call, "This picture cannot speak", "By the test.")
    expect(idle_call.locator("body")).to_have_attribute("data-call", "idle")
