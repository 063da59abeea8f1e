"""What can be configured, and its defaults; ``config_file`` reads it.

Each table of the file is one dataclass here, and each key one of its fields.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from server import web_address
from server.outgoing_config import PublishConfig, PushConfig, RecordingConfig
from server.turn import IceServer

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

_Port = Annotated[int, Field(ge=1, le=65535)]

ANY_HOST = "*"
ANY_ORIGIN = "*"
# As browsers write it (RFC 6454 section 6.2): no path, not even "/".
_ORIGIN = r"^(\*|https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$"


class ConfigError(Exception):
    """The configuration cannot be used; says which key, what was found, what was expected."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HttpConfig:
    """Where the server listens. ``port`` 0 lets the system choose one.

    ``allowed_hosts`` are names that it may be called by besides those that ``hosts`` knows, such
    as a reverse proxy's. ``https`` is served with ``certificate`` and its ``key``, PEM files;
    without them with a self-signed one, see ``self_signed``.

    ``allowed_origins`` are sites, such as "https://app.example.org", whose pages may call this
    server from a browser (CORS). This machine's own requests, those of such pages too, need no key
    (see ``access``) unless ``require_key_on_loopback``: behind a reverse proxy on this machine,
    everyone looks like it where the proxy does not tell that it is one. "*" among hosts or origins
    allows all, and needs that.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    allowed_hosts: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    allowed_origins: tuple[Annotated[str, Field(pattern=_ORIGIN)], ...] = ()
    require_key_on_loopback: bool = False
    https: bool = False
    certificate: Path | None = None
    key: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together: give both or neither")
        if self.certificate is not None and not self.https:
            raise ValueError("a certificate is of use only with https: switch it on")
        # Any page that a browser on this machine has open could then use the server without a key.
        if not self.require_key_on_loopback and any(
            host.strip("[]") == ANY_HOST for host in self.allowed_hosts
        ):
            raise ValueError(
                'allowed_hosts = ["*"] needs require_key_on_loopback = true: name the hosts, or set'
                " that"
            )
        if ANY_ORIGIN in self.allowed_origins and not self.require_key_on_loopback:
            raise ValueError(
                'allowed_origins = ["*"] needs require_key_on_loopback = true: name the origins,'
                " or set that"
            )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class CallConfig:
    """Limits of one call and of all calls together.

    ``max_sessions`` None: as many as this machine is measured to hold at start.
    ``playout_delay_ms`` from the arrival of a sound to its leaving, together with its picture; it
    must cover hop, lookahead and computing. ``microphone_packet_ms`` is what browsers are asked to
    send: sound waits until a packet is full.
    A call ends after ``idle_timeout_s`` without any sound above silence and without any wish, as
    does what an avatar is given to say when it is paused for so long; and a call ends
    after ``no_microphone_timeout_s`` once the browser has ended its microphone track; so does a
    publisher's connection through which nothing comes, after 30 s at the latest.
    ``udp_ports``: the lowest and the highest for media, of which a connection takes one for each
    address of this machine, twice while it changes its network; None: any.
    """

    max_sessions: Annotated[int, Field(ge=1, le=1000)] | None = None
    playout_delay_ms: Annotated[int, Field(ge=80, le=2000)] = 310
    microphone_packet_ms: Literal[10, 20, 40, 60] = 10
    connect_timeout_s: Annotated[float, Field(ge=1, le=120)] = 15.0
    idle_timeout_s: Annotated[float, Field(ge=1)] = 1800.0
    no_microphone_timeout_s: Annotated[float, Field(ge=1)] = 60.0
    drain_timeout_s: Annotated[float, Field(ge=0, le=10)] = 0.5
    retry_after_s: Annotated[int, Field(ge=1, le=3600)] = 10
    udp_ports: tuple[_Port, _Port] | None = None

    def __post_init__(self) -> None:
        if self.udp_ports is not None and self.udp_ports[0] > self.udp_ports[1]:
            raise ValueError(
                f"udp_ports = {list(self.udp_ports)}: give the lowest, then the highest"
            )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PerformanceConfig:
    """Avatars that are live for an audience.

    One ends when nobody has watched or spoken for ``linger_s``. At most ``max_speech_s`` of speech
    wait to be spoken, and as much of recordings, or one that is longer. At most ``max_viewers``
    watch one avatar: with 10 of them on two cores each got all packets, with 25 only 80 %
    (``benchmarks.viewer_cost``). A publisher that offers video is refused, or with ``ignore_video``
    heard and not seen.
    """

    linger_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    max_speech_s: Annotated[float, Field(ge=1, le=3600)] = 600.0
    max_viewers: Annotated[int, Field(ge=1, le=10_000)] = 10
    ignore_video: bool = True


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class VideoConfig:
    """The picture: square, ``size_px`` on a side, at ``bitrate_kbps`` or less (`rate_ladder`).

    ``painted_mouth``: the inside of the mouth is painted by the frame denoiser, not only drawn.
    ``display_lag_ms``: lips are drawn so much ahead of their sound, since a browser shows pictures
    later than the sound that came with them (``benchmarks.live_skew``). Recordings of what was live
    have it too, ``likeness render`` does not.
    """

    size_px: Annotated[int, Field(ge=256, le=1024, multiple_of=16)] = 512
    painted_mouth: bool = False
    display_lag_ms: Annotated[int, Field(ge=0, le=100)] = 10
    bitrate_kbps: Annotated[int, Field(ge=200, le=20_000)] = 1500
    keyframe_interval_s: Annotated[float, Field(ge=0.4, le=60)] = 2.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class VoiceConfig:
    """The sound, Opus mono."""

    bitrate_kbps: Annotated[int, Field(ge=16, le=256)] = 64


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SpeechConfig:
    """What avatars are given to say.

    ``url`` is the base of a server with OpenAI's ``/audio/speech``, such as
    "http://localhost:8880/v1", which is asked for ``model`` and ``voice`` with ``api_key``, and
    given up after ``timeout_s`` without an answer; without it the built-in voice speaks.

    Together at most ``max_sentences`` wait for one avatar; a text has at most ``max_text_chars``, a
    recording at most ``max_recording_bytes`` and ``max_recording_s``.
    """

    url: (
        Annotated[
            str,
            Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$"),
            AfterValidator(web_address.check),
        ]
        | None
    ) = None
    model: Annotated[str, Field(min_length=1)] = "tts-1"
    voice: Annotated[str, Field(min_length=1)] = "alloy"
    api_key: Annotated[
        Annotated[str, Field(pattern=r"^[\x21-\x7e]+$")] | None, Field(repr=False)
    ] = None
    timeout_s: Annotated[float, Field(ge=1, le=300)] = 15.0
    max_sentences: Annotated[int, Field(ge=1, le=10_000)] = 500
    max_text_chars: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    max_recording_bytes: Annotated[int, Field(ge=1000)] = 20_000_000
    max_recording_s: Annotated[float, Field(ge=1, le=3600)] = 300.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ComputeConfig:
    """``torch_threads`` the model computes with; None: half of the cores, see ``threads``.

    ``nice``: the priority of server and model, as of nice(1), where the system permits it.
    """

    torch_threads: Annotated[int, Field(ge=1, le=256)] | None = None
    nice: Annotated[int, Field(ge=-20, le=19)] = -10


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PortraitConfig:
    """``default`` is an image file shown instead of the built-in portrait.

    Uploads live in memory: the oldest goes when there are ``max_uploads``, each after
    ``upload_ttl_s`` without use.
    """

    default: Path | None = None
    max_uploads: Annotated[int, Field(ge=1, le=1000)] = 16
    upload_ttl_s: Annotated[float, Field(ge=60)] = 3600.0
    max_upload_bytes: Annotated[int, Field(ge=100_000)] = 32_000_000


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class AvatarConfig:
    """How many named avatars are kept on disk, and how much they may take there together.

    ``max_prepared``: those used last stay in memory, ready to be shown at once. A picture is
    limited as an upload is, by ``portraits.max_upload_bytes``.
    """

    max_avatars: Annotated[int, Field(ge=1, le=1000)] = 64
    max_total_bytes: Annotated[int, Field(ge=1_000_000)] = 500_000_000
    max_prepared: Annotated[int, Field(ge=1, le=1000)] = 8


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class LimitsConfig:
    """How often one address may do what costs the server something; more is answered 429.

    So many at once (``_burst``) and, for ever, so many ``_per_minute``: a person never meets them,
    nor a page that waits for a place and asks again.
    """

    calls_per_minute: Annotated[float, Field(gt=0, le=60_000)] = 60.0
    calls_burst: Annotated[int, Field(ge=1, le=10_000)] = 30
    uploads_per_minute: Annotated[float, Field(gt=0, le=60_000)] = 30.0
    uploads_burst: Annotated[int, Field(ge=1, le=10_000)] = 30
    speeches_per_minute: Annotated[float, Field(gt=0, le=60_000)] = 120.0
    speeches_burst: Annotated[int, Field(ge=1, le=10_000)] = 60


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrustConfig:
    """What says that pictures and videos are synthetic (EU AI Act, article 50).

    ``watermark``: nobody sees it, `likeness detect` finds it. ``badge``: everybody sees it, "AI"
    in a corner. ``credentials`` (C2PA) are put into rendered files, and into recordings in MP4 once
    they have ended, signed with ``certificate`` and its ``key``, PEM files; without them with a
    certificate that is made here, see ``signing``.
    """

    watermark: bool = True
    badge: bool = False
    credentials: bool = True
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together: give both or neither")
        if self.certificate is not None and not self.credentials:
            raise ValueError("a certificate is of use only with credentials: switch them on")


# What holds wherever nobody says otherwise: the marks are on.
MARKED = TrustConfig()


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Config:
    """All of it. Raises pydantic's ValidationError (a ValueError) for a value out of range."""

    http: HttpConfig = Field(default_factory=HttpConfig)
    call: CallConfig = Field(default_factory=CallConfig)
    performance: PerformanceConfig = Field(default_factory=PerformanceConfig)
    video: VideoConfig = Field(default_factory=VideoConfig)
    voice: VoiceConfig = Field(default_factory=VoiceConfig)
    speech: SpeechConfig = Field(default_factory=SpeechConfig)
    compute: ComputeConfig = Field(default_factory=ComputeConfig)
    portraits: PortraitConfig = Field(default_factory=PortraitConfig)
    avatars: AvatarConfig = Field(default_factory=AvatarConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    trust: TrustConfig = Field(default_factory=TrustConfig)
    recording: RecordingConfig = Field(default_factory=RecordingConfig)
    push: PushConfig = Field(default_factory=PushConfig)
    publish: tuple[PublishConfig, ...] = ()
    ice_servers: tuple[IceServer, ...] = ()

    def __post_init__(self) -> None:
        avatars = [target.avatar for target in self.publish]
        if len(set(avatars)) < len(avatars):
            raise ValueError("publish: an avatar is sent to one server, found two for one")
