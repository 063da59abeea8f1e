import httpx
import pytest

from server import problems
from tests.server.conftest import BASE_URL, Serve
from tests.server.test_calls import problem


async def test_a_fault_is_a_problem_that_says_nothing_of_itself(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise KeyError("/home/ann/secret")

    async with serve(ready=False) as running:
        monkeypatch.setattr(running.server.services.avatars, "all", fail)
        # uvicorn answers too, and logs what is raised.
        transport = httpx.ASGITransport(running.server.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
            response = await http.get("/v1/avatars")
        assert "its log tells why" in problem(response, 500, "internal-error")
        assert response.headers["Content-Type"] == problems.MEDIA_TYPE
        assert "ann" not in response.text
        with pytest.raises(KeyError, match="secret"):
            await running.http.get("/v1/avatars")
