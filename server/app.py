"""The HTTP application: its parts put together, and their life from start to stop."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from server import calls, health, portrait_routes, problems
from server.admission import Admission
from server.config import Config, ConfigError
from server.inference import Animator, InferenceThread
from server.metrics import Metrics
from server.portraits import Portrait, PortraitFile, Portraits
from server.session import Services
from streaming.config import StreamConfig

logger = logging.getLogger(__name__)

CLIENT_WEB = Path(__file__).resolve().parents[1] / "client_web"


def create_app(
    config: Config, avatar: Animator, files: Sequence[PortraitFile], default: Portrait
) -> FastAPI:
    """The application. ``default`` is the first of ``files``, prepared.

    Raises ConfigError when the configured delay is too short for the model.
    """
    metrics = Metrics()
    services = Services(
        config=config,
        stream=stream_config(config, avatar),
        inference=InferenceThread(avatar),
        portraits=Portraits(avatar, files, config.portraits, config.video.size_px),
        metrics=metrics,
    )
    services.portraits.keep(default)
    admission = Admission(None, config.call.retry_after_s)
    running = calls.Calls(services, admission)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(health.warm_up(services, admission, default))
        warming.add_done_callback(_log_failure)
        try:
            yield
        finally:
            admission.max_sessions = None
            await running.aclose()
            await services.inference.aclose()
            await asyncio.wait([warming])
            services.portraits.close()

    app = FastAPI(title="Likeness", lifespan=lifespan)
    problems.install(app)
    app.include_router(calls.router(running, services))
    app.include_router(
        portrait_routes.router(services.portraits, config.portraits.max_upload_bytes)
    )
    app.include_router(health.router(services, admission))
    app.mount("/", StaticFiles(directory=CLIENT_WEB, html=True), name="page")
    return app


def stream_config(config: Config, avatar: Animator) -> StreamConfig:
    """The numbers of every call's stream: what of its delay is left is there for computing.

    Raises ConfigError when ``call.playout_delay_ms`` leaves nothing.
    """
    fixed = StreamConfig(
        hop_frames=avatar.hop_frames,
        lookahead_frames=avatar.lookahead_frames,
        max_steps=avatar.max_steps,
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
    return dataclasses.replace(
        fixed, compute_budget_ms=budget_ms, playout_delay_ms=config.call.playout_delay_ms
    )


def _log_failure(warming: asyncio.Task[None]) -> None:
    if not warming.cancelled() and warming.exception() is not None:
        logger.critical("the model cannot run on this machine", exc_info=warming.exception())
