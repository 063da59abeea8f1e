"""What calls show of named avatars; only the model is a fake."""

from typing import Any

import numpy as np

from server import messages
from tests.server.caller import Caller
from tests.server.conftest import Serve, form
from tests.server.test_avatars import face, make, names


def shade(colour: "np.ndarray[Any, Any]") -> float:
    return float(colour[2])


async def test_a_call_begins_with_an_avatar_and_its_settings(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await make(running, "ann", 130, expression="happy", expression_strength="1")
        await caller.connect(portrait="ann")
        await caller.until_pictures(lambda c: 110 < shade(c) < 150 and c[0] > 150)


async def test_a_running_call_switches_to_an_avatar_and_back(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await make(running, "ann", 200, expression="happy", expression_strength="1")
        await caller.connect()
        await caller.until_pictures(lambda c: shade(c) < 20 and c[0] < 20)
        caller.say('{"type":"portrait","id":"ann"}')
        selected = await caller.until_message(messages.PortraitSelected)
        assert selected == messages.PortraitSelected(id="ann")
        await caller.until_pictures(lambda c: shade(c) > 180 and c[0] > 150)
        # A built-in portrait has no settings of its own: the face stays as it was set.
        caller.say('{"type":"portrait","id":"first"}')
        await caller.until_pictures(lambda c: shade(c) < 20 and c[0] > 150)
        # What the caller sets counts over the avatar's, until that is selected again.
        caller.say('{"type":"expression","name":"happy","strength":0}')
        await caller.until_pictures(lambda c: c[0] < 20)
        await running.http.patch("/v1/avatars/ann", json={"expression_strength": 0.5})
        caller.say('{"type":"portrait","id":"ann"}')
        await caller.until_pictures(lambda c: shade(c) > 180 and 70 < c[0] < 130)


async def test_a_call_keeps_its_avatar_when_that_is_replaced_and_deleted(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await make(running, "ann", 200)
        await caller.connect(portrait="ann")
        await caller.until_pictures(lambda c: shade(c) > 180)
        assert (await running.http.put("/v1/avatars/ann", **form(face(0)))).status_code == 200
        assert (await running.http.delete("/v1/avatars/ann")).status_code == 204
        seen = len(caller.pictures)
        await caller.until(lambda: len(caller.pictures) > seen + 10)
        assert min(shade(c) for c in caller.pictures) > 180
        caller.say('{"type":"portrait","id":"ann"}')
        error = await caller.until_message(messages.Error)
        assert isinstance(error, messages.Error)
        assert (error.code, error.fatal) == ("unknown-portrait", False)


async def test_two_callers_never_see_each_others_face(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as one, Caller(running.http) as other:
        await make(running, "ann", 100)
        await make(running, "ann2", 150)
        await make(running, "bob", 200)
        await one.connect(portrait="ann")
        await other.connect(portrait="bob")
        await one.until_pictures(lambda c: 90 < shade(c) < 110)
        await other.until_pictures(lambda c: shade(c) > 180)
        one.say('{"type":"portrait","id":"ann2"}')
        await one.until_pictures(lambda c: 140 < shade(c) < 160)
        seen = len(other.pictures)
        await other.until(lambda: len(other.pictures) > seen + 10)
        assert max(shade(c) for c in one.pictures) < 170
        assert min(shade(c) for c in other.pictures) > 180


async def test_an_upload_is_shown_to_who_knows_its_id_only(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        upload = (await running.http.post("/v1/portraits", **form(face(200)))).json()["id"]
        assert upload not in await names(running)
        await caller.connect(portrait=upload)
        await caller.until_pictures(lambda c: shade(c) > 180)
