"""A file that may be replaced, or deleted, while it is downloaded."""

import asyncio
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from server.problems import Problem


class Download(FileResponse):
    """The file as it is when the response begins. Raises ``gone`` when there is none then."""

    def __init__(self, path: Path, media_type: str, gone: Problem) -> None:
        super().__init__(
            path,
            media_type=media_type,
            filename=path.name,
            headers={"Cache-Control": "no-store"},
        )
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See FileResponse."""
        try:
            file = await asyncio.to_thread(Path(self.path).open, "rb")
        except FileNotFoundError as error:
            raise self._gone from error
        with file:
            # By its name, another file might be read, of another length than was told.
            self.path = f"/dev/fd/{file.fileno()}"
            await super().__call__(scope, receive, send)
