"""A slash in a name is refused in one way, wherever the name stands."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.conftest import Serve
from tests.server.sockets import listening
from tests.server.test_calls import SDP, problem
from tests.server.test_cross_origin import NAMED, ORIGIN


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/whip/{}"),
        ("POST", "/whep/{}"),
        ("GET", "/whip/{}"),
        ("PUT", "/v1/avatars/{}"),
        ("GET", "/v1/avatars/{}"),
        ("PATCH", "/v1/avatars/{}"),
        ("DELETE", "/v1/avatars/{}"),
        ("GET", "/v1/avatars/{}/still.jpg"),
        ("POST", "/v1/avatars/{}/say"),
        ("GET", "/v1/avatars/{}/events"),
        ("PUT", "/v1/avatars/{}/live"),
        ("GET", "/v1/avatars/{}/audio"),
        ("PUT", "/v1/avatars/{}/recording"),
        ("GET", "/overlay/{}"),
        ("GET", "/v1/recordings/{}"),
    ],
)
async def test_a_name_with_a_slash(serve: Serve, method: str, path: str, slash: str) -> None:
    async with serve() as running:
        named = path.format(f"a{slash}b")
        response = await running.http.request(method, named, content="", headers=SDP)
        detail = problem(response, 422, "invalid-name")
        assert f"%2F in '{named}'" in detail
        assert "expected letters, digits, '.', '_' and '-'" in detail


async def test_it_is_refused_to_a_socket_too(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/v1/avatars/a%2Fb/audio")
        assert refused.value.response.status_code == 422
        assert b"found a slash in a name" in (refused.value.response.body or b"")


async def test_pages_of_named_sites_may_read_why(serve: Serve) -> None:
    async with serve(NAMED) as running:
        response = await running.http.get("/v1/avatars/a%2Fb", headers={"Origin": ORIGIN})
        problem(response, 422, "invalid-name")
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_slashes_elsewhere_are_no_names(serve: Serve) -> None:
    async with serve() as running:
        assert (await running.http.get("/v1/avatars?of=a%2Fb")).status_code == 200
        assert (await running.http.get("/v1/avatars/%66irst")).status_code == 200


async def test_an_address_that_is_long_is_told_in_part(serve: Serve) -> None:
    async with serve() as running:
        response = await running.http.get("/v1/avatars/a%2Fb" + "x" * 5000)
        assert len(problem(response, 422, "invalid-name")) < 500
