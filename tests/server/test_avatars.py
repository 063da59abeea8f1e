"""Named avatars over HTTP and in calls; only the model is a fake."""

import asyncio
import dataclasses
import io
import logging
from typing import Any

import pytest
from PIL import Image

from model.avatar import Controls
from server.config import AvatarConfig, PortraitConfig
from server.consent import WORDS
from server.keys import Scope
from server.problems import Problem
from tests.server.caller import Caller
from tests.server.conftest import CONFIG, Running, Serve, form
from tests.server.fakes import SIZE_PX, FakeIdentity
from tests.server.test_access import ELSEWHERE, add
from tests.server.test_calls import problem

DEFAULTS = {"expression": "neutral", "expression_strength": 0.5, "head_speed": 0.5}


def face(shade: int) -> bytes:
    return b"FACE" + bytes([shade])


async def make(running: Running, name: str, shade: int = 100, **fields: str) -> None:
    response = await running.http.put(f"/v1/avatars/{name}", **form(face(shade), **fields))
    assert response.status_code == 201, response.text


async def names(running: Running) -> list[str]:
    response = await running.http.get("/v1/avatars")
    assert response.status_code == 200, response.text
    return [avatar["name"] for avatar in response.json()]


async def test_made_looked_at_changed_and_deleted(serve: Serve) -> None:
    async with serve() as running:
        http = running.http
        made = await http.put(
            "/v1/avatars/ann",
            **form(face(7), expression="happy", head_speed="0.25", declared_by=" Ann "),
        )
        assert made.status_code == 201
        assert made.headers["Location"] == "/v1/avatars/ann"
        about = made.json()
        settings = {"expression": "happy", "expression_strength": 0.5, "head_speed": 0.25}
        assert about["settings"] == settings
        assert (about["name"], about["title"], about["built_in"]) == ("ann", "ann", False)
        consent = about["consent"]
        assert (consent["declared_by"], consent["key"]) == ("Ann", None)
        assert consent["words"] == WORDS == (await http.get("/v1/consent")).json()["words"]
        assert (await http.get("/v1/avatars/ann")).json() == about
        still = await http.get(about["still_url"])
        assert still.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(still.content)).size == (SIZE_PX, SIZE_PX)

        changed = await http.patch("/v1/avatars/ann", json={"expression": "sad"})
        assert changed.status_code == 200
        assert changed.json()["settings"] == settings | {"expression": "sad"}
        assert changed.json()["consent"] == consent
        assert changed.json()["changed"] > changed.json()["created"]

        anew = await http.put("/v1/avatars/ann", **form(face(8)))
        assert anew.status_code == 200
        assert anew.json()["settings"] == DEFAULTS
        assert anew.json()["still_url"] != about["still_url"]

        assert (await http.delete("/v1/avatars/ann")).status_code == 204
        for asked in (
            await http.get("/v1/avatars/ann"),
            await http.get("/v1/avatars/ann/still.jpg"),
            await http.patch("/v1/avatars/ann", json={}),
            await http.delete("/v1/avatars/ann"),
        ):
            assert "there is no avatar 'ann'" in problem(asked, 404, "unknown-avatar")


async def test_the_list_begins_with_the_built_in_ones(serve: Serve) -> None:
    async with serve() as running:
        await make(running, "bob")
        await make(running, "ann")
        listed = (await running.http.get("/v1/avatars")).json()
        assert [avatar["name"] for avatar in listed] == ["first", "second", "ann", "bob"]
        assert [avatar["built_in"] for avatar in listed] == [True, True, False, False]
        assert listed[0] == {
            "name": "first",
            "title": "First",
            "credit": "nobody",
            "built_in": True,
            "still_url": "/v1/avatars/first/still.jpg",
            "settings": DEFAULTS,
        }
        assert "consent" not in listed[2], "who declared it is told of one avatar, not of all"
        for avatar in listed:
            assert (await running.http.get(avatar["still_url"])).status_code == 200
        first = (await running.http.get("/v1/avatars/first")).json()
        assert first == listed[0] | {"consent": None, "created": None, "changed": None}


async def test_who_may_only_watch_sees_the_avatars_but_no_consent(serve: Serve) -> None:
    async with serve() as running:
        await make(running, "ann")
        async with running.client(ELSEWHERE, add(running, Scope.VIEW)) as viewer:
            ann = (await viewer.get("/v1/avatars")).json()[-1]
            assert ann["name"] == "ann"
            assert "consent" not in ann
            assert (await viewer.get(ann["still_url"])).status_code == 200
            problem(await viewer.get("/v1/avatars/ann"), 403, "insufficient-scope")


async def test_they_outlive_the_server(serve: Serve) -> None:
    async with serve() as running:
        await make(running, "ann", 90, expression="happy", expression_strength="1")
    async with serve() as running:
        avatar = await running.server.services.avatars.get("ann")
        assert avatar.controls == Controls("happy", 1.0, 0.5)
        assert avatar.portrait.id == "ann"
        identity: Any = avatar.portrait.identity
        assert isinstance(identity, FakeIdentity)
        assert identity.shade == 90


async def test_for_other_parts_by_name(serve: Serve) -> None:
    async with serve() as running:
        avatars = running.server.services.avatars
        built_in = await avatars.get("second")
        assert (built_in.controls, built_in.is_built_in) == (Controls(), True)
        upload = (await running.http.post("/v1/portraits", **form())).json()["id"]
        assert (await avatars.find(upload)).portrait.id == upload
        for name in ("nobody", upload, "../avatars/ann", ""):
            with pytest.raises(Problem, match="there is no avatar") as caught:
                await avatars.get(name)
            assert (caught.value.status, caught.value.code) == (404, "unknown-avatar")
        with pytest.raises(Problem) as caught:
            await avatars.find("nobody")
        assert (caught.value.status, caught.value.code) == (404, "unknown-portrait")


async def test_only_those_used_last_stay_prepared(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, avatars=AvatarConfig(max_prepared=2))
    async with serve(config) as running:
        for name in ("ann", "bob"):
            await make(running, name)
        avatars = running.server.services.avatars
        ann = (await avatars.get("ann")).portrait
        assert (await avatars.get("ann")).portrait is ann
        await make(running, "cid")
        bob = (await avatars.get("bob")).portrait
        again, same = await asyncio.gather(avatars.get("ann"), avatars.get("ann"))
        assert again.portrait is not ann, "it made room for bob"
        assert again.portrait is same.portrait, "prepared once for two who ask at the same time"
        assert (await avatars.get("bob")).portrait is bob


@pytest.mark.parametrize(
    ("name", "sent", "status", "code", "says"),
    [
        ("ann", form(b"a cat"), 422, "unusable-portrait", "found no face"),
        ("ann", form(media_type="text/plain"), 415, "unsupported-media-type", "text/plain"),
        ("ann", {"json": {}}, 415, "unsupported-media-type", "expected multipart/form-data"),
        ("ann", form(b"FACE" + bytes(100_000)), 413, "body-too-large", "100004 bytes"),
        ("ann", form(b"FACE" + bytes(300_000)), 413, "body-too-large", "more than 231072 bytes"),
        ("ann", form(consent="yes"), 422, "consent-required", WORDS),
        ("ann", {"files": form()["files"]}, 422, "consent-required", "found no consent"),
        (
            "ann",
            {"data": {"consent": WORDS}, "files": {"x": b""}},
            422,
            "image-required",
            "'image'",
        ),
        ("ann", form(expression="bored"), 422, "invalid-settings", "expression: Input should be"),
        ("ann", form(head_speed="fast"), 422, "invalid-settings", "head_speed: Input should be"),
        ("ann", form(head_speed="nan"), 422, "invalid-settings", "head_speed: Input should be"),
        ("ann", form(expresion="sad"), 422, "invalid-settings", "expresion: Unexpected"),
        ("a/b", form(), 422, "invalid-request", "path.name: String should match"),
        ("a%2Fb", form(), 422, "invalid-name", "found a slash in a name"),
        ("%2E%2E", form(), 422, "invalid-request", "path.name: String should match"),
        ("-x", form(), 422, "invalid-request", "path.name: String should match"),
        ("x" * 65, form(), 422, "invalid-request", "path.name: String should match"),
        ("a%20b", form(), 422, "invalid-request", "path.name: String should match"),
        ("first", form(), 409, "built-in-avatar", "comes with the server and cannot be changed"),
        ("BOB", form(), 412, "avatar-exists", "'bob', which differs only in case"),
    ],
)
async def test_refused_avatars(
    serve: Serve, name: str, sent: dict[str, Any], status: int, code: str, says: str
) -> None:
    config = dataclasses.replace(CONFIG, portraits=PortraitConfig(max_upload_bytes=100_000))
    async with serve(config) as running:
        await make(running, "bob")
        response = await running.http.put(f"/v1/avatars/{name}", **sent)
        assert says in problem(response, status, code)
        assert await names(running) == ["first", "second", "bob"]


@pytest.mark.parametrize(
    ("sent", "status", "code", "says"),
    [
        ({"json": {"expression": "bored"}}, 422, "invalid-settings", "expression: Input should be"),
        ({"json": {"head_speed": None}}, 422, "invalid-settings", "head_speed: Input should be"),
        ({"json": {"title": "Ann"}}, 422, "invalid-settings", "title: Unexpected keyword"),
        ({"json": [1]}, 422, "invalid-settings", "settings: Input should be an object"),
        ({"data": {"expression": "sad"}}, 415, "unsupported-media-type", "application/json"),
        ({"json": {"expression": "x" * 5000}}, 413, "body-too-large", "more than 4096 bytes"),
    ],
)
async def test_refused_changes(
    serve: Serve, sent: dict[str, Any], status: int, code: str, says: str
) -> None:
    async with serve() as running:
        await make(running, "ann")
        response = await running.http.patch("/v1/avatars/ann", **sent)
        assert says in problem(response, status, code)
        assert (await running.http.get("/v1/avatars/ann")).json()["settings"] == DEFAULTS


async def test_built_in_ones_cannot_be_changed_or_deleted(serve: Serve) -> None:
    async with serve() as running:
        for response in (
            await running.http.patch("/v1/avatars/first", json={"expression": "sad"}),
            await running.http.delete("/v1/avatars/first"),
        ):
            assert "'first' comes with the server" in problem(response, 409, "built-in-avatar")


async def test_no_more_than_may_be_kept(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, avatars=AvatarConfig(max_avatars=1))
    async with serve(config) as running:
        await make(running, "ann")
        response = await running.http.put("/v1/avatars/bob", **form())
        said = problem(response, 409, "too-many-avatars")
        assert "found 1 avatars, expected at most 1: delete one" in said
        assert await names(running) == ["first", "second", "ann"]
        assert (await running.http.put("/v1/avatars/ann", **form())).status_code == 200


async def test_one_that_is_there_is_not_replaced_by_who_wants_a_new_one(serve: Serve) -> None:
    async with serve() as running:
        await make(running, "ann", 90)
        before = (await running.http.get("/v1/avatars/ann")).json()
        request = form(face(9))
        headers = {"If-None-Match": "*"}
        response = await running.http.put("/v1/avatars/ann", **request, headers=headers)
        said = problem(response, 412, "avatar-exists")
        assert said == "there is an avatar 'ann' already: choose another name"
        assert (await running.http.get("/v1/avatars/ann")).json() == before
        response = await running.http.put("/v1/avatars/bob", **request, headers=headers)
        assert response.status_code == 201


async def test_the_consent_names_the_key_that_was_used(serve: Serve) -> None:
    async with serve() as running:
        key = add(running, Scope.ADMIN)
        async with running.client(ELSEWHERE, key) as client:
            made = await client.put("/v1/avatars/ann", **form())
        consent = made.json()["consent"]
        assert (consent["key"], consent["declared_by"]) == (
            "key-0",
            "the holder of the key 'key-0'",
        )


async def test_a_damaged_one_is_left_out_and_logged_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as running:
        await make(running, "ann")
        await make(running, "bob")
    (running.avatars.folder / "ann" / "avatar.json").write_text("{")
    with caplog.at_level(logging.ERROR):
        async with serve() as running:
            for _ in range(3):
                assert await names(running) == ["first", "second", "bob"]
            said = problem(await running.http.get("/v1/avatars/ann"), 500, "damaged-avatar")
            assert str(running.avatars.folder) not in said
            async with Caller(running.http) as caller:
                problem(await caller.post(portrait="ann"), 500, "damaged-avatar")
            async with Caller(running.http) as caller:
                assert (await caller.post(portrait="bob")).status_code == 201
            assert (await running.http.delete("/v1/avatars/ann")).status_code == 204
    told = [r for r in caplog.records if r.getMessage() == "avatars cannot be used"]
    assert len(told) == 1
    assert f"{running.avatars.folder / 'ann'} is damaged" in vars(told[0])["reason"]


async def test_a_folder_that_cannot_be_read_leaves_the_built_in_portraits(serve: Serve) -> None:
    async with serve() as running:
        running.avatars.folder.parent.mkdir(exist_ok=True)
        running.avatars.folder.write_text("in the way")
        problem(await running.http.put("/v1/avatars/ann", **form()), 500, "avatars-unusable")
        async with Caller(running.http) as caller:
            assert (await caller.post(portrait="second")).status_code == 201
