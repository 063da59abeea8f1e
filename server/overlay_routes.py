"""``/overlay/{name}``: the page that shows only the person, for OBS and the like."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse


def router(client_web: Path) -> APIRouter:
    """The route. Like all pages it is open: what it asks for is not."""
    routes = APIRouter(tags=["watch"])

    @routes.get("/overlay/{name}", response_class=FileResponse)
    async def overlay(name: str) -> FileResponse:
        """Show the avatar ``name`` over nothing; it waits while that is not live."""
        return FileResponse(client_web / "overlay.html", headers={"Cache-Control": "no-cache"})

    return routes
