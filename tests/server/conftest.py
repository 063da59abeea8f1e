"""A whole server around the fake model, spoken to over ASGI, and peers that call it."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from server import consent
from server.app import Server
from server.avatar_store import AvatarStore
from server.config import CallConfig, Config, VideoConfig
from server.key_file import KeyFile
from server.portraits import PortraitFile, prepare
from tests.server.fakes import SIZE_PX, FakeAvatar, FakeVoice

BASE_URL = "http://localhost"
CONFIG = Config(video=VideoConfig(size_px=SIZE_PX), call=CallConfig(max_sessions=2))


@dataclass
class Running:
    """A server that runs."""

    http: httpx.AsyncClient
    avatar: FakeAvatar
    server: Server
    stopped: asyncio.Event
    keys: KeyFile
    avatars: AvatarStore
    voice: FakeVoice

    def client(self, address: str, key: str = "") -> httpx.AsyncClient:
        """Return a client as another machine, or this one, would be: with a key or without."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.ASGITransport(self.server.app, client=(address, 1234))
        return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    async def until_ended(self, noun: str) -> None:
        """Wait until every "viewer" or "publisher" has left, by the tasks that run them."""
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith(f"{noun} ")]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=20)
            assert not left


Serve = Callable[..., AbstractAsyncContextManager[Running]]


def _loggers() -> list[logging.Logger]:
    """All that there are by now, the root first."""
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Put the logging of the process back as it was: a command changes all of it."""
    handlers = logging.root.handlers[:]
    levels = {logger: logger.level for logger in _loggers()}
    yield
    logging.root.handlers[:] = handlers
    for logger in _loggers():
        logger.setLevel(levels.get(logger, logging.NOTSET))


@pytest.fixture(autouse=True)
def own_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep away from the user's own: a server signs what it finds there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("xdg")))


@pytest.fixture
def portrait_files(tmp_path: Path) -> list[PortraitFile]:
    """Two portraits as the fake model knows them, of shade 0 and 200."""
    files = []
    for name, shade in (("first", 0), ("second", 200)):
        path = tmp_path / f"{name}.img"
        path.write_bytes(b"FACE" + bytes([shade]))
        files.append(PortraitFile(name, name.title(), "nobody", path))
    return files


@pytest.fixture
def serve(portrait_files: list[PortraitFile], tmp_path: Path) -> Serve:
    """Return a context manager that runs a server with a configuration until it is ready."""

    @contextlib.asynccontextmanager
    async def run(
        config: Config = CONFIG, *, ready: bool = True, avatar: FakeAvatar | None = None
    ) -> AsyncIterator[Running]:
        avatar = avatar or FakeAvatar()
        voice = FakeVoice()
        stopped = asyncio.Event()
        first = portrait_files[0]
        image = first.path.read_bytes()
        default = prepare(avatar, first.id, first.title, first.credit, image, SIZE_PX)
        keys = KeyFile(tmp_path / "data" / "keys.json")
        avatars = AvatarStore(tmp_path / "data" / "avatars", config.avatars)
        server = Server(config, avatar, portrait_files, default, keys, avatars, stopped.set, voice)
        transport = httpx.ASGITransport(server.app, client=("127.0.0.1", 1234))
        async with (
            server.app.router.lifespan_context(server.app),
            httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http,
        ):
            if ready:
                await server.ready.wait()
            yield Running(http, avatar, server, stopped, keys, avatars, voice)

    return run


def form(image: bytes = b"FACE\x01", media_type: str = "image/jpeg", **fields: str) -> Any:
    """Return what makes httpx send a picture as a form, with consent and ``fields``."""
    return {
        "files": {"image": ("me.jpg", image, media_type)},
        "data": {"consent": consent.WORDS, **fields},
    }


def with_calls(call: CallConfig) -> Config:
    """Return the tests' configuration with other limits for calls."""
    return dataclasses.replace(CONFIG, call=call)
