"""What each scope opens, request by request, and that nothing is left out of it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from server.keys import Scope
from tests.server.conftest import Serve, form
from tests.server.test_access import ELSEWHERE, STRICT, add, bearer
from tests.server.test_calls import FRAGMENT, SDP, problem

FILLED = {
    "name": "first",
    "nobody": "nobody",
    "portrait_id": "first",
    "recording_id": "none",
    "resource_id": "none",
}
NO_SDP = {"content": "x", "headers": SDP}
NO_FRAGMENT = {"content": "", "headers": FRAGMENT}
TEXT = {"content": "x", "headers": {"Content-Type": "text/plain"}}
SEE = {Scope.VIEW, Scope.PUBLISH}
SPEAK = {Scope.PUBLISH}
ADMIN_ONLY: set[Scope] = set()

Row = tuple[str, str, dict[str, Any], set[Scope], int]

# What needs which scope, and its answer when that is there: one that changes nothing.
GUARDED: list[Row] = [
    ("POST", "/v1/calls", NO_SDP, SPEAK, 400),
    ("OPTIONS", "/v1/calls", {}, SPEAK, 200),
    ("PATCH", "/v1/calls/{resource_id}", NO_FRAGMENT, SPEAK, 404),
    ("DELETE", "/v1/calls/{resource_id}", {}, SPEAK, 404),
    ("OPTIONS", "/v1/calls/{resource_id}", {}, SPEAK, 404),
    ("POST", "/whip/{name}", NO_SDP, SPEAK, 400),
    ("OPTIONS", "/whip/{name}", {}, SPEAK, 200),
    ("PATCH", "/whip/{name}/{resource_id}", NO_FRAGMENT, SPEAK, 404),
    ("DELETE", "/whip/{name}/{resource_id}", {}, SPEAK, 404),
    ("OPTIONS", "/whip/{name}/{resource_id}", {}, SPEAK, 404),
    ("POST", "/whep/{name}", NO_SDP, SEE, 400),
    ("OPTIONS", "/whep/{name}", {}, SEE, 200),
    ("PATCH", "/whep/{name}/{resource_id}", NO_FRAGMENT, SEE, 404),
    ("DELETE", "/whep/{name}/{resource_id}", {}, SEE, 404),
    ("OPTIONS", "/whep/{name}/{resource_id}", {}, SEE, 404),
    ("PUT", "/v1/avatars/{nobody}/live", {}, SPEAK, 404),
    ("GET", "/v1/avatars/{name}/live", {}, SPEAK, 409),
    ("DELETE", "/v1/avatars/{name}/live", {}, SPEAK, 409),
    ("POST", "/v1/avatars/{name}/say", TEXT, SPEAK, 415),
    ("GET", "/v1/avatars/{name}/say", {}, SPEAK, 200),
    ("DELETE", "/v1/avatars/{name}/say", {}, SPEAK, 204),
    ("PUT", "/v1/avatars/{name}/say/pause", {"json": {"paused": True}}, SPEAK, 409),
    ("GET", "/v1/avatars/{nobody}/events", {}, SEE, 404),
    ("GET", "/v1/avatars/{name}/audio", {}, SPEAK, 426),
    ("GET", "/v1/recordings", {}, SPEAK, 200),
    ("GET", "/v1/recordings/{recording_id}", {}, SPEAK, 404),
    ("DELETE", "/v1/recordings/{recording_id}", {}, SPEAK, 404),
    ("PUT", "/v1/avatars/{name}/recording", {}, SPEAK, 409),
    ("GET", "/v1/avatars/{name}/recording", {}, SPEAK, 409),
    ("DELETE", "/v1/avatars/{name}/recording", {}, SPEAK, 409),
    ("PUT", "/v1/avatars/{name}/publish", TEXT, ADMIN_ONLY, 415),
    ("GET", "/v1/avatars/{name}/publish", {}, ADMIN_ONLY, 404),
    ("DELETE", "/v1/avatars/{name}/publish", {}, ADMIN_ONLY, 404),
    ("GET", "/v1/portraits", {}, SEE, 200),
    ("POST", "/v1/portraits", TEXT, SPEAK, 415),
    ("GET", "/v1/portraits/{portrait_id}/image", {}, SEE, 200),
    ("GET", "/v1/consent", {}, SEE, 200),
    ("GET", "/v1/avatars", {}, SEE, 200),
    ("PUT", "/v1/avatars/{name}", form(), ADMIN_ONLY, 409),
    ("GET", "/v1/avatars/{name}", {}, SPEAK, 200),
    ("GET", "/v1/avatars/{name}/still.jpg", {}, SEE, 200),
    ("PATCH", "/v1/avatars/{name}", {"json": {}}, ADMIN_ONLY, 409),
    ("DELETE", "/v1/avatars/{name}", {}, ADMIN_ONLY, 409),
    ("GET", "/metrics", {}, ADMIN_ONLY, 200),
]
# What the interface's description leaves out: it has nothing to show, or to do.
NOT_DESCRIBED: list[Row] = [
    *(
        (method, path, {}, scopes, 204 if method == "GET" else 405)
        for path, scopes in (("/v1/calls", SPEAK), ("/whip/{name}", SPEAK), ("/whep/{name}", SEE))
        for method in ("GET", "PUT", "PATCH", "DELETE")
    ),
    *(
        (method, f"{path}/{{resource_id}}", {}, scopes, 404)
        for path, scopes in (("/v1/calls", SPEAK), ("/whip/{name}", SPEAK), ("/whep/{name}", SEE))
        for method in ("GET", "POST", "PUT")
    ),
]
ROWS = GUARDED + NOT_DESCRIBED
OPEN = ["/overlay/{name}", "/healthz", "/readyz"]
PAGES = ["/", "/app.js", "/style/theme.css", "/openapi.json"]


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where recordings are looked for."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


async def statuses(client: httpx.AsyncClient) -> dict[tuple[str, str], int]:
    found = {}
    for method, path, arguments, _, _ in ROWS:
        filled = path.format(**FILLED)
        found[method, path] = (await client.request(method, filled, **arguments)).status_code
    return found


async def test_without_keys_only_this_machine_is_served(serve: Serve) -> None:
    async with serve() as running, running.client(ELSEWHERE) as stranger:
        served = {(method, path): status for method, path, _, _, status in ROWS}
        assert await statuses(running.http) == served
        assert set((await statuses(stranger)).values()) == {403}
        said = problem(await stranger.get("/v1/portraits"), 403, "no-keys")
        assert "`likeness keys add`" in said
        # Nor is a token: there is none that could be right.
        response = await stranger.get("/v1/portraits", headers=bearer("x"))
        problem(response, 403, "no-keys")
        metrics = running.server.services.metrics.registry
        denied = metrics.get_sample_value("likeness_requests_denied_total")
        assert denied == len(ROWS) + 2


@pytest.mark.parametrize("address", [ELSEWHERE, "127.0.0.1"])
async def test_pages_and_health_are_open_to_all(serve: Serve, address: str) -> None:
    async with serve(STRICT) as running, running.client(address) as client:
        for path in OPEN + PAGES:
            assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_scope_opens_what_it_is_for_and_admin_all(serve: Serve, scope: Scope) -> None:
    async with serve() as running:
        key = add(running, scope)
        expected = {
            (method, path): status if scope in scopes | {Scope.ADMIN} else 403
            for method, path, _, scopes, status in ROWS
        }
        async with running.client(ELSEWHERE, key) as client:
            assert await statuses(client) == expected


async def test_scopes_add_up(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.PUBLISH, Scope.VIEW)
        async with running.client(ELSEWHERE, key) as client:
            refused = [path for (_, path), s in (await statuses(client)).items() if s == 403]
            assert refused == [path for _, path, _, scopes, _ in ROWS if not scopes]


async def described(serve: Serve) -> dict[str, Any]:
    async with serve(ready=False) as running:
        return dict((await running.http.get("/openapi.json")).json())


async def test_all_that_is_described_is_tried_here(serve: Serve) -> None:
    found = {
        (method.upper(), path)
        for path, operations in (await described(serve))["paths"].items()
        for method in operations
    }
    tried = {(method, path.replace("{nobody}", "{name}")) for method, path, *_ in GUARDED}
    assert found == tried | {("GET", path) for path in OPEN}


async def test_the_interface_describes_keys_and_refusals(serve: Serve) -> None:
    interface = await described(serve)
    scheme = interface["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, operations in interface["paths"].items():
        for method, operation in operations.items():
            answers = set(operation["responses"])
            if path in OPEN:
                assert "security" not in operation
                continue
            assert operation["security"] == [{"key": []}], f"{method} {path} is open to all"
            assert {"401", "403"} <= answers
            assert "429" in answers or method != "post"
