"""The HTTP application: its parts put together, and their life from start to stop."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from model.rates import FRAME_MS
from server import (
    arrivals,
    avatar_routes,
    calls,
    consent,
    cross_origin,
    description,
    encoded_slashes,
    head_requests,
    health,
    hosts,
    ice_consent,
    live_routes,
    overlay_routes,
    portrait_routes,
    problems,
    push_routes,
    recording_routes,
    redundancy,
    rsa_peers,
    say_routes,
    voice_socket,
    whep,
    whip,
)
from server.access import Access
from server.admission import Admission
from server.animator import Animator
from server.avatar_store import AvatarStore
from server.avatars import Avatars
from server.built_in_voice import BuiltInVoice
from server.config import Config, ConfigError, SpeechConfig
from server.connections import Connections
from server.inference import InferenceThread
from server.key_file import KeyFile
from server.metrics import Metrics
from server.outgoing_config import PublishConfig
from server.page import Page
from server.performance_recording import PerformanceRecordings
from server.performances import Performances
from server.portraits import Portrait, PortraitFile, Portraits
from server.presenters import Presenters
from server.problems import Problem
from server.publisher import Publisher
from server.pushes import Pushes
from server.recordings import Recordings
from server.remote_voice import RemoteVoice
from server.services import Services
from server.tts import Synthesizer
from server.viewer import Viewer
from server.warm_up import prepare_portraits, warm_up
from streaming.config import StreamConfig

logger = logging.getLogger(__name__)

# Of a hop's duration, computing it may take this part: what is more is a backlog soon.
_SUSTAINABLE_LOAD = 0.85

CLIENT_WEB = Path(__file__).resolve().parents[1] / "client_web"


class Server:
    """One server: what its calls share, and ``app``, which runs it by its lifespan.

    ``default`` is the first of ``files``, prepared; ``key_file`` and what ``avatar_store`` keeps
    may change while it runs; ``synthesizer`` speaks texts instead of the one that ``config`` asks
    for. When the model cannot run on this machine, ``failure`` holds why and ``stop`` is called,
    which must end the process. Raises ConfigError when the configured delay is too short for the
    model, or one avatar is to be published to two servers.
    """

    def __init__(
        self,
        config: Config,
        avatar: Animator,
        files: Sequence[PortraitFile],
        default: Portrait,
        key_file: KeyFile,
        avatar_store: AvatarStore,
        stop: Callable[[], None],
        synthesizer: Synthesizer | None = None,
    ) -> None:
        portraits = Portraits(
            avatar, files, config.portraits, config.video.size_px, trust=config.trust
        )
        portraits.keep(default)
        _check_published(config, portraits.default_id)
        metrics = Metrics()
        recordings = Recordings(config, metrics)
        self.services = Services(
            config=config,
            stream=stream_config(config, avatar, display_lag_ms=config.video.display_lag_ms),
            inference=InferenceThread(avatar),
            portraits=portraits,
            avatars=Avatars(avatar_store, portraits, config.avatars),
            recordings=recordings,
            metrics=metrics,
        )
        self.admission = Admission(
            None, config.call.retry_after_s, lambda: self.services.inference.has_died
        )
        self.services.metrics.registry.register(self.services.inference.failed_batches)
        self.services.metrics.ready.set_function(lambda: float(self.admission.is_open))
        self.calls = calls.Calls(self.services, self.admission)
        self.performances = Performances(self.services, self.admission)
        self.pushes = Pushes(self.services, self.performances)
        of_performances = PerformanceRecordings(recordings)
        if recordings.records_everything:
            self.performances.on_begin.add(of_performances.begin_now)
        self.presenters = Presenters(
            self.services, self.performances, synthesizer or _synthesizer(config.speech)
        )
        self.viewers: Connections[Viewer] = Connections("viewer")
        self.publishers: Connections[Publisher] = Connections("publisher")
        self.ready = asyncio.Event()
        self.failure: BaseException | None = None
        self._stop = stop
        self._default = default
        self.app = FastAPI(
            title="Likeness",
            lifespan=self._lifespan,
            # Both would load their scripts from elsewhere, in the visitor's browser.
            docs_url=None,
            redoc_url=None,
        )
        problems.install(self.app)
        description.install(self.app)
        ice_consent.install()
        arrivals.install()
        redundancy.install()
        rsa_peers.install()
        self.app.add_middleware(encoded_slashes.EncodedSlashes)
        cross_origin.allow(self.app, config.http.allowed_origins)
        self.app.add_middleware(head_requests.HeadRequests)
        self.app.add_middleware(hosts.KnownHosts, is_known=hosts.known_hosts(config.http))
        guard = Access(
            key_file,
            key_on_loopback=config.http.require_key_on_loopback,
            metrics=metrics,
            allowed_origins=config.http.allowed_origins,
        )
        self.app.include_router(calls.router(self.calls, self.services, guard))
        for route in (
            whip.router(self.publishers, self.performances, self.services, guard),
            whep.router(self.viewers, self.performances, self.services, guard),
            live_routes.router(self.performances, self.services, guard),
            push_routes.router(self.pushes, guard),
            recording_routes.router(recordings, of_performances, self.performances, guard),
            say_routes.router(self.presenters, self.services, guard),
            voice_socket.router(self.performances, self.services, guard),
            overlay_routes.router(CLIENT_WEB),
        ):
            self.app.include_router(route)
        self.app.include_router(portrait_routes.router(portraits, config, guard, metrics))
        self.app.include_router(
            avatar_routes.router(self.services.avatars, portraits, config, guard, metrics)
        )
        self.app.include_router(consent.router(guard))
        self.app.include_router(health.router(self.services, self.admission, guard))
        self.app.mount("/", Page(directory=CLIENT_WEB, html=True), name="page")

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        starting = asyncio.create_task(self._start())
        try:
            yield
        finally:
            starting.cancel()
            await asyncio.wait([starting])
            self.admission.max_sessions = None
            # Callers first: a push takes its time where the server that it tells is gone.
            await self.calls.aclose()
            await self.pushes.aclose()
            await self.presenters.aclose()
            await self.performances.aclose()
            await self.publishers.aclose()
            await self.viewers.aclose()
            await self.services.recordings.aclose()
            await self.services.inference.aclose()
            self.services.portraits.close()

    async def _start(self) -> None:
        try:
            await warm_up(self.services, self.admission, self._default)
        except Exception as error:
            # It will never take a call: whoever watches the process can see that.
            self.failure = error
            logger.critical("the model cannot run on this machine", exc_info=error)
            self._stop()
            return
        self.ready.set()
        # Calls are taken from here on: the default portrait is there.
        for target in self.services.config.publish:
            await _attempt("publishing", partial(self._send_on, target))
        await _attempt("preparing portraits", partial(prepare_portraits, self.services.portraits))
        await _attempt("signing what was left over", self.services.recordings.sign_left_overs)

    async def _send_on(self, target: PublishConfig) -> None:
        avatar = target.avatar or self.services.portraits.default_id
        try:
            await self.pushes.begin(avatar, target)
        except Problem as problem:
            logger.error("cannot be published: %s", problem.detail, extra={"avatar": avatar})


async def _attempt(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do what a server can be without: it has calls already, which must not end by it."""
    try:
        await work()
    except Exception:
        logger.exception("%s failed: the server goes on without", what)


def _check_published(config: Config, default: str) -> None:
    """Raise ConfigError where one avatar is named as the default one, and by its name."""
    avatars = [target.avatar or default for target in config.publish]
    for avatar in avatars:
        if avatars.count(avatar) > 1:
            raise ConfigError(
                f"publish: an avatar is sent to one server, found two for {avatar!r}, which is the"
                " default one: name another, or leave one out"
            )


def _synthesizer(config: SpeechConfig) -> Synthesizer:
    return BuiltInVoice() if config.url is None else RemoteVoice(config, config.url)


def stream_config(config: Config, avatar: Animator, *, display_lag_ms: int = 0) -> StreamConfig:
    """The numbers of every call's stream: what of its delay is left is there for computing.

    Only so much of it that hops do not pile up; the rest evens out hiccups. Lips are drawn
    ``display_lag_ms`` ahead of their sound.

    Raises ConfigError when ``call.playout_delay_ms`` leaves nothing.
    """
    fixed = StreamConfig(
        hop_frames=avatar.hop_frames,
        lookahead_frames=avatar.lookahead_frames,
        sound_lead_ms=avatar.sound_lead_ms + display_lag_ms,
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
            f"call.playout_delay_ms = {config.call.playout_delay_ms}: hop, lookahead, lead and"
            f" jitter need {needed_ms:.0f} ms and computing some more: raise it"
        )
    sustainable_ms = _SUSTAINABLE_LOAD * avatar.hop_frames * FRAME_MS
    return dataclasses.replace(
        fixed,
        compute_budget_ms=min(budget_ms, sustainable_ms),
        playout_delay_ms=config.call.playout_delay_ms,
    )
