"""The interface's description (OpenAPI 3.1) is a valid one, and tells what it should."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from server.config import LimitsConfig, PortraitConfig, SpeechConfig
from server.whip_resource import MAX_SDP_BYTES
from tests.server.conftest import CONFIG, Serve
from tests.server.test_scopes import GUARDED, Row, described

NUMBERED = dataclasses.replace(
    CONFIG,
    speech=SpeechConfig(max_text_chars=1234, max_recording_bytes=56_789, max_recording_s=42),
    portraits=PortraitConfig(max_upload_bytes=654_321),
    limits=LimitsConfig(
        calls_per_minute=11,
        calls_burst=12,
        uploads_per_minute=13,
        uploads_burst=14,
        speeches_per_minute=15,
        speeches_burst=16,
    ),
)


def operations(interface: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation."""
    for path, methods in interface["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(part: object) -> Iterator[str]:
    """Yield all that is referred to in ``part``."""
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


async def test_every_part_of_a_path_is_declared_and_nothing_else(serve: Serve) -> None:
    for path, method, operation in operations(await described(serve)):
        declared = [item for item in operation.get("parameters", []) if item["in"] == "path"]
        names = Counter(item["name"] for item in declared)
        assert names == Counter(re.findall(r"\{(\w+)\}", path)), f"{method} {path}"
        assert all(item["required"] and item["schema"] for item in declared), f"{method} {path}"


async def test_every_route_that_is_described_has_its_path(serve: Serve) -> None:
    """FastAPI's converters (``{name:path}``) are no part of a template."""
    interface = await described(serve)
    assert all(re.fullmatch(r"(/(\{\w+\}|[\w.]+))+", path) for path in interface["paths"])


async def test_what_is_referred_to_is_there(serve: Serve) -> None:
    interface = await described(serve)
    found = set(references(interface))
    assert "#/components/schemas/Problem" in found
    for reference in found:
        assert reference.startswith("#/"), reference
        part = interface
        for key in reference.removeprefix("#/").split("/"):
            part = part[key]


async def test_operations_are_told_apart_and_their_answers_described(serve: Serve) -> None:
    interface = await described(serve)
    assert interface["info"]["description"]
    ids = Counter(operation["operationId"] for _, _, operation in operations(interface))
    assert ids.most_common(1)[0][1] == 1
    for path, method, operation in operations(interface):
        where = f"{method} {path}"
        assert operation["responses"], where
        assert operation.get("summary"), where
        for status, answer in operation["responses"].items():
            assert answer["description"], f"{where} {status}"
            assert all("schema" in header for header in answer.get("headers", {}).values()), where
        for item in operation.get("parameters", []):
            assert item["in"] in ("path", "query", "header"), where


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: f"{row[0]} {row[1]}")
async def test_an_answer_that_is_given_is_described(serve: Serve, row: Row) -> None:
    method, path, *_, status = row
    interface = await described(serve)
    operation = interface["paths"][path.replace("{nobody}", "{name}")][method.lower()]
    assert str(status) in operation["responses"]


async def test_refusals_that_pass_tell_when(serve: Serve) -> None:
    interface = await described(serve)
    for path, method, operation in operations(interface):
        for status in {"429", "503"} & set(operation["responses"]):
            assert "Retry-After" in operation["responses"][status]["headers"], f"{method} {path}"
    paths = interface["paths"]
    for path, methods in (
        ("/whep/{name}", ("post",)),
        ("/v1/avatars/{name}/live", ("get", "delete")),
        ("/v1/avatars/{name}/recording", ("put", "get", "delete")),
    ):
        for method in methods:
            assert "Retry-After" in paths[path][method]["responses"]["409"]["headers"]


async def test_refusals_of_single_routes(serve: Serve) -> None:
    paths = (await described(serve))["paths"]
    for path, method, status in (
        ("/healthz", "get", "500"),
        ("/readyz", "get", "503"),
        ("/v1/avatars/{name}/events", "get", "503"),
        ("/v1/avatars/{name}/recording", "put", "507"),
        ("/v1/avatars/{name}/recording", "put", "500"),
        ("/v1/avatars/{name}", "put", "500"),
        ("/v1/avatars/{name}", "get", "500"),
        ("/v1/avatars/{name}/audio", "get", "426"),
    ):
        assert status in paths[path][method]["responses"], f"{method} {path}"
    begun = paths["/v1/avatars/{name}/recording"]["put"]["responses"]
    assert "cannot be written" in begun["500"]["description"]


@pytest.mark.parametrize("path", ["/v1/calls", "/whip/{name}", "/whep/{name}"])
async def test_the_headers_of_whip_are_described(serve: Serve, path: str) -> None:
    paths = (await described(serve))["paths"]
    created = paths[path]["post"]["responses"]["201"]
    assert set(created["headers"]) == {"Location", "ETag", "Link"}
    assert created["content"]["application/sdp"]["schema"]["type"] == "string"
    sent = paths[path]["post"]["requestBody"]
    assert sent["content"]["application/sdp"]["schema"]["maxLength"] == MAX_SDP_BYTES == 65_536
    assert str(MAX_SDP_BYTES) in sent["description"]
    assert set(paths[path]["options"]["responses"]["200"]["headers"]) == {
        "Accept-Post",
        "Allow",
        "Link",
    }
    resource = paths[path + "/{resource_id}"]
    (if_match,) = [p for p in resource["patch"]["parameters"] if p["in"] == "header"]
    assert (if_match["name"], if_match["required"]) == ("If-Match", False)
    assert set(resource["patch"]["responses"]["200"]["headers"]) == {"ETag"}
    assert set(resource["options"]["responses"]["200"]["headers"]) == {"Accept-Patch", "Allow"}
    takes = set(resource["patch"]["requestBody"]["content"])
    answers = {"application/sdp"} if path == "/whep/{name}" else set()
    assert takes == {"application/trickle-ice-sdpfrag"} | answers


async def test_the_headers_of_what_is_made_are_described(serve: Serve) -> None:
    paths = (await described(serve))["paths"]
    assert "Location" in paths["/v1/portraits"]["post"]["responses"]["201"]["headers"]
    put = paths["/v1/avatars/{name}"]["put"]
    assert all("Location" in put["responses"][status]["headers"] for status in ("200", "201"))
    headers = [item for item in put["parameters"] if item["in"] == "header"]
    assert [(item["name"], item["required"]) for item in headers] == [("If-None-Match", False)]
    assert "Location" in paths["/whep/{name}"]["post"]["responses"]["406"]["headers"]


async def test_limits_are_told_as_they_are_configured(serve: Serve) -> None:
    async with serve(NUMBERED, ready=False) as running:
        paths = (await running.http.get("/openapi.json")).json()["paths"]
    say = paths["/v1/avatars/{name}/say"]["post"]
    content = say["requestBody"]["content"]
    assert content["application/json"]["schema"]["properties"]["text"]["maxLength"] == 1234
    assert content["audio/wav"]["schema"]["maxLength"] == 56_789
    for number in ("1234 characters", "56789 bytes", "42 s"):
        assert number in say["requestBody"]["description"]
    for path, method in (("/v1/portraits", "post"), ("/v1/avatars/{name}", "put")):
        form = paths[path][method]["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert form["properties"]["image"]["maxLength"] == 654_321
        assert "654321 bytes" in form["properties"]["image"]["description"]
    for path, method, rate in (
        ("/v1/calls", "post", "12 at once and 11 a minute"),
        ("/whip/{name}", "post", "12 at once and 11 a minute"),
        ("/whep/{name}", "post", "12 at once and 11 a minute"),
        ("/v1/avatars/{name}/live", "put", "12 at once and 11 a minute"),
        ("/v1/portraits", "post", "14 at once and 13 a minute"),
        ("/v1/avatars/{name}", "put", "14 at once and 13 a minute"),
        ("/v1/avatars/{name}/say", "post", "16 at once and 15 a minute"),
    ):
        assert rate in paths[path][method]["responses"]["429"]["description"], path
    assert "12 at once and" in paths["/v1/avatars/{name}/audio"]["get"]["description"]
    for path, method in (
        ("/v1/avatars/{name}/publish", "put"),
        ("/v1/avatars/{name}/say/pause", "put"),
        ("/v1/avatars/{name}", "patch"),
    ):
        assert "4096 bytes" in paths[path][method]["requestBody"]["description"]


async def test_the_voice_socket_is_described(serve: Serve) -> None:
    interface = await described(serve)
    assert "/v1/avatars/{name}/audio" in interface["info"]["description"]
    told = interface["paths"]["/v1/avatars/{name}/audio"]["get"]
    assert "101" in told["responses"]
    for word in ("start", "end", "clear", "ready", "playback_started", "playback_finished"):
        assert word in told["description"]
    for code in (1001, 1008, 1009, 1011, 1013, 4401, 4403, 4404, 4408, 4409, 4429):
        assert str(code) in told["description"]
    for number in ("4096 bytes", "262144 bytes", "600 s", "1800 s", "200 utterances"):
        assert number in " ".join(told["description"].split())
