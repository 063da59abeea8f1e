"""``/v1/recordings``, and ``/v1/avatars/{name}/recording``: recording a performance."""

import asyncio
from datetime import datetime
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import FileResponse, Response

from server import access, problems
from server.access import Access
from server.download import Download
from server.keys import Scope
from server.live_routes import NOT_LIVE
from server.performance_recording import PerformanceRecordings
from server.performances import Performances
from server.problems import Problem
from server.recorder import Recorder
from server.recordings import Entry, Recordings

PATH = "/v1/recordings"
_MEDIA_TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}
# Half an hour of media is signed in it, on one core that has nothing else to do.
_SIGNATURE_TIMEOUT_S = 10.0


class RecordingInfo(BaseModel):
    """A recording. ``url`` is where it can be downloaded, once it does not run any more.

    ``credentials``: it carries content credentials (C2PA), as MP4 does soon after its end;
    ``signing`` until then. Neither: it runs, is WebM, which cannot, or signing failed or is off.
    """

    id: str
    of: str
    portrait: str
    began: datetime
    bytes: int
    running: bool
    signing: bool
    credentials: bool
    url: str


class Running(BaseModel):
    """A recording of a performance. ``dropped_packets``: what the disk was too slow for."""

    id: str
    running: bool
    dropped_packets: int
    url: str


def router(
    recordings: Recordings,
    of_performances: PerformanceRecordings,
    performances: Performances,
    guard: Access,
) -> APIRouter:
    """The routes. Each recording is for who asked for it, and for admins."""
    routes = APIRouter(
        tags=["recordings"], dependencies=[guard.needs(Scope.PUBLISH)], responses=access.REFUSALS
    )

    async def find(request: Request, recording_id: str) -> Entry:
        entry = await asyncio.to_thread(recordings.get, recording_id)
        if not access.may_use(request, entry.about.owner):
            # As if it were not there: who may not see it need not know of it.
            raise _unknown()
        if entry.is_running:
            raise Problem(
                HTTPStatus.CONFLICT,
                "recording-runs",
                "this recording is still being made: stop it first",
            )
        return entry

    @routes.get(PATH)
    async def list_recordings(request: Request) -> list[RecordingInfo]:
        """List your recordings, the oldest first; with the scope admin, everybody's."""
        return [
            RecordingInfo(
                id=entry.id,
                of=entry.about.of,
                portrait=entry.about.portrait,
                began=entry.about.began,
                bytes=entry.bytes,
                running=entry.is_running,
                signing=entry.is_signing,
                credentials=entry.has_credentials,
                url=f"{PATH}/{entry.id}",
            )
            for entry in await asyncio.to_thread(recordings.list)
            if access.may_use(request, entry.about.owner)
        ]

    @routes.get(
        PATH + "/{recording_id}",
        response_class=FileResponse,
        responses={**problems.refusals(404), 409: {"description": "It still runs"}},
    )
    async def download(request: Request, recording_id: str) -> FileResponse:
        """Download one that is finished.

        One that has ended just now is waited for some seconds, so that it is signed.
        """
        entry = await find(request, recording_id)
        await recordings.wait_until_signed(entry, _SIGNATURE_TIMEOUT_S)
        return Download(entry.path, _MEDIA_TYPES[entry.path.suffix], _unknown())

    @routes.delete(
        PATH + "/{recording_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problems.refusals(404, 409),
    )
    async def delete(request: Request, recording_id: str) -> Response:
        """Delete one that is finished."""
        entry = await find(request, recording_id)
        await asyncio.to_thread(recordings.delete, entry)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    path = "/v1/avatars/{name}/recording"

    @routes.put(
        path,
        responses={
            **NOT_LIVE,
            409: problems.come_back("The avatar is not live, or another key records it"),
            500: {"description": "It cannot be written: the server's log tells why"},
            507: {"description": "There is no room for it"},
        },
    )
    async def begin(request: Request, name: str) -> Running:
        """Record the performance, if it is not recorded; it ends with it.

        409: it is not live, or another key, or the server itself, records it.
        """
        performance = await performances.get(name)
        if not of_performances.may_use(performance, partial(access.may_use, request)):
            # With its id they would believe that they have it.
            raise Problem(
                HTTPStatus.CONFLICT,
                "recorded-by-another",
                f"another key, or the server itself, records {name!r} already, and the recording"
                " is theirs: begin when it has ended, or use that key, or one with the scope admin",
            )
        return _describe(await of_performances.begin(performance, access.owner(request)))

    @routes.get(path, responses=NOT_LIVE)
    async def describe(name: str) -> Running:
        """Tell about the recording that runs; 404 when none does."""
        return _describe(of_performances.get(await performances.get(name)))

    @routes.delete(path, responses=NOT_LIVE)
    async def stop(request: Request, name: str) -> Running:
        """Stop it, with the key that began it, or the performance; what it says is there then."""
        performance = await performances.get(name)
        if not of_performances.may_stop(performance, partial(access.may_use, request)):
            raise access.not_yours("this recording")
        return _describe(await of_performances.stop(performance))

    return routes


def _unknown() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown-recording", "there is no such recording")


def _describe(recorder: Recorder) -> Running:
    return Running(
        id=recorder.id,
        running=not recorder.ended.is_set(),
        dropped_packets=recorder.dropped_packets,
        url=f"{PATH}/{recorder.id}",
    )
