"""What machines ask: health, metrics, the interface's description; and the page for people."""

import asyncio

from server import messages, problems
from tests.server.caller import Caller
from tests.server.conftest import Serve
from tests.server.fakes import FakeAvatar


async def test_metrics_of_a_call(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_message(messages.Stats)
        text = (await running.http.get("/metrics")).text
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        assert lines["likeness_sessions"] == "1.0"
        assert lines["likeness_max_sessions"] == "2.0"
        assert lines["likeness_ready"] == "1.0"
        for stage in ("wait", "motion", "render", "encode", "voice"):
            assert float(lines[f'likeness_stage_seconds_count{{stage="{stage}"}}']) > 0
        assert float(lines["likeness_frames_sent_total"]) > 0
        for name in ("late_frames", "repeated_frames", "dropped_frames", "concealed_audio_ms"):
            assert f"likeness_{name}_total" in lines
        assert float(lines["likeness_av_skew_ms_count"]) >= 1


async def test_a_dead_inference_thread_is_unhealthy(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        running.avatar.failure = KeyError("a bug")
        await caller.until_message(messages.Error)
        await running.server.calls.ended(caller.location.rpartition("/")[2])
        assert (await running.http.get("/healthz")).status_code == 500
        ready = await running.http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["type"].endswith("inference-died")
        async with Caller(running.http) as next_caller:
            refused = await next_caller.post()
            assert refused.status_code == 503
            assert refused.json()["type"].endswith("inference-died")
        assert "likeness_ready 0.0" in (await running.http.get("/metrics")).text


async def test_a_model_that_is_gone_is_told_though_nobody_calls(serve: Serve) -> None:
    async with serve() as running:
        assert (await running.http.get("/readyz")).status_code == 200
        running.avatar.is_alive = False
        assert (await running.http.get("/healthz")).status_code == 500
        ready = await running.http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["type"].endswith("inference-died")


async def test_a_failed_warm_up_stops_the_server(serve: Serve) -> None:
    avatar = FakeAvatar()
    avatar.failure = RuntimeError("no such instruction")
    async with serve(ready=False, avatar=avatar) as running:
        async with asyncio.timeout(20):
            await running.stopped.wait()
        assert running.server.failure is avatar.failure
        assert (await running.http.get("/readyz")).status_code == 503


async def test_the_interface_describes_itself(serve: Serve) -> None:
    async with serve() as running:
        paths = (await running.http.get("/openapi.json")).json()["paths"]
        assert set(paths) >= {
            "/v1/calls",
            "/v1/calls/{resource_id}",
            "/v1/portraits",
            "/v1/portraits/{portrait_id}/image",
            "/v1/avatars",
            "/v1/avatars/{name}",
            "/v1/avatars/{name}/still.jpg",
            "/v1/avatars/{name}/live",
            "/v1/consent",
            "/whip/{name}",
            "/whip/{name}/{resource_id}",
            "/whep/{name}",
            "/whep/{name}/{resource_id}",
            "/healthz",
            "/readyz",
            "/metrics",
        }
        assert "application/sdp" in paths["/v1/calls"]["post"]["requestBody"]["content"]


async def test_errors_of_the_framework_are_problems_too(serve: Serve) -> None:
    async with serve() as running:
        missing = await running.http.get("/nowhere")
        assert missing.status_code == 404
        assert missing.headers["Content-Type"] == "application/problem+json"


async def test_the_page_is_served(serve: Serve) -> None:
    async with serve() as running:
        page = await running.http.get("/")
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert (await running.http.get("/messages.js")).status_code == 200


async def test_refusals_are_described_as_what_they_are(serve: Serve) -> None:
    async with serve(ready=False) as running:
        described = (await running.http.get("/openapi.json")).json()
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            refusals = {s: a for s, a in operation["responses"].items() if s >= "400"}
            # WHEP's counter-offer is no refusal, though its status is 406.
            kinds = {kind for s, a in refusals.items() if s != "406" for kind in a["content"]}
            assert kinds <= {problems.MEDIA_TYPE}
            # What may be posted under a name, its overlay and its socket are there before it is.
            is_there = "{" not in path or method == "options" or path.endswith("/audio")
            is_there = is_there or path.startswith("/overlay")
            assert "404" in refusals or is_there, f"{method} {path}"


async def test_a_method_that_is_not_allowed_is_told_all_that_are(serve: Serve) -> None:
    async with serve(ready=False) as running:
        response = await running.http.post("/v1/avatars/first")
        assert response.status_code == 405
        assert response.headers["Allow"] == "DELETE, GET, HEAD, PATCH, PUT"
        response = await running.http.post("/app.js")
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
