"""The HTTP application: its parts put together, and their life from start to stop."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from model.rates import FRAME_MS
from server import (
    calls,
    cross_origin,
    health,
    hosts,
    live_routes,
    overlay_routes,
    portrait_routes,
    problems,
    whep,
    whip,
)
from server.access import Access
from server.admission import Admission
from server.animator import Animator
from server.config import Config, ConfigError
from server.connections import Connections
from server.inference import InferenceThread
from server.key_file import KeyFile
from server.metrics import Metrics
from server.performances import Performances
from server.portraits import Portrait, PortraitFile, Portraits
from server.publisher import Publisher
from server.services import Services
from server.viewer import Viewer
from server.warm_up import prepare_portraits, warm_up
from streaming.config import StreamConfig

logger = logging.getLogger(__name__)

# Of a hop's duration, computing it may take this part: what is more is a backlog soon.
_SUSTAINABLE_LOAD = 0.85

CLIENT_WEB = Path(__file__).resolve().parents[1] / "client_web"


class Server:
    """One server: what its calls share, and ``app``, which runs it by its lifespan.

    ``default`` is the first of ``files``, prepared; ``key_file`` may change while it runs. When
    the model cannot run on this machine, ``failure`` holds why and ``stop`` is called, which must
    end the process. Raises ConfigError when the configured delay is too short for the model.
    """

    def __init__(
        self,
        config: Config,
        avatar: Animator,
        files: Sequence[PortraitFile],
        default: Portrait,
        key_file: KeyFile,
        stop: Callable[[], None],
    ) -> None:
        self.services = Services(
            config=config,
            stream=stream_config(config, avatar),
            inference=InferenceThread(avatar),
            portraits=Portraits(avatar, files, config.portraits, config.video.size_px),
            metrics=Metrics(),
        )
        self.services.portraits.keep(default)
        self.admission = Admission(
            None, config.call.retry_after_s, lambda: self.services.inference.has_died
        )
        self.services.metrics.registry.register(self.services.inference.failed_batches)
        self.services.metrics.ready.set_function(lambda: float(self.admission.is_open))
        self.calls = calls.Calls(self.services, self.admission)
        self.performances = Performances(self.services, self.admission)
        self.viewers: Connections[Viewer] = Connections("viewer")
        self.publishers: Connections[Publisher] = Connections("publisher")
        self.ready = asyncio.Event()
        self.failure: BaseException | None = None
        self._stop = stop
        self._default = default
        self.app = FastAPI(title="Likeness", lifespan=self._lifespan)
        problems.install(self.app)
        cross_origin.allow(self.app, config.http.allowed_origins)
        self.app.add_middleware(hosts.KnownHosts, is_known=hosts.known_hosts(config.http))
        metrics = self.services.metrics
        guard = Access(
            key_file, key_on_loopback=config.http.require_key_on_loopback, metrics=metrics
        )
        self.app.include_router(calls.router(self.calls, self.services, guard))
        for route in (
            whip.router(self.publishers, self.performances, self.services, guard),
            whep.router(self.viewers, self.performances, self.services, guard),
            live_routes.router(self.performances, guard),
            overlay_routes.router(CLIENT_WEB),
        ):
            self.app.include_router(route)
        self.app.include_router(
            portrait_routes.router(self.services.portraits, config, guard, metrics)
        )
        self.app.include_router(health.router(self.services, self.admission, guard))
        self.app.mount("/", StaticFiles(directory=CLIENT_WEB, html=True), name="page")

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(self._warm_up())
        warming.add_done_callback(self._stop_if_failed)
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.wait([warming])
            self.admission.max_sessions = None
            await self.calls.aclose()
            await self.performances.aclose()
            await self.publishers.aclose()
            await self.viewers.aclose()
            await self.services.inference.aclose()
            self.services.portraits.close()

    async def _warm_up(self) -> None:
        await warm_up(self.services, self.admission, self._default)
        self.ready.set()
        # Calls are taken meanwhile: the default portrait is there.
        await prepare_portraits(self.services.portraits)

    def _stop_if_failed(self, warming: asyncio.Task[None]) -> None:
        """End a server that will never take a call: whoever watches the process can see that."""
        if warming.cancelled() or warming.exception() is None:
            return
        self.failure = warming.exception()
        logger.critical("the model cannot run on this machine", exc_info=self.failure)
        self._stop()


def stream_config(config: Config, avatar: Animator) -> StreamConfig:
    """The numbers of every call's stream: what of its delay is left is there for computing.

    Only so much of it that hops do not pile up; the rest evens out hiccups.

    Raises ConfigError when ``call.playout_delay_ms`` leaves nothing.
    """
    fixed = StreamConfig(
        hop_frames=avatar.hop_frames,
        lookahead_frames=avatar.lookahead_frames,
        max_steps=avatar.max_steps,
        paints=avatar.paints,
        packet_ms=config.call.microphone_packet_ms,
        compute_budget_ms=1,
        playout_delay_ms=10_000,
    )
    needed_ms = fixed.min_playout_delay_ms - fixed.compute_budget_ms
    budget_ms = config.call.playout_delay_ms - needed_ms
    if budget_ms <= 0:
        raise ConfigError(
            f"call.playout_delay_ms = {config.call.playout_delay_ms}: hop, lookahead and jitter"
            f" need {needed_ms:.0f} ms and computing some more: raise it"
        )
    sustainable_ms = _SUSTAINABLE_LOAD * avatar.hop_frames * FRAME_MS
    return dataclasses.replace(
        fixed,
        compute_budget_ms=min(budget_ms, sustainable_ms),
        playout_delay_ms=config.call.playout_delay_ms,
    )
