"""The server's configuration: defaults, then a TOML file, then command-line flags.

Each TOML table is one dataclass here and each key one of its fields::

    [http]
    port = 8080
    [video]
    bitrate_kbps = 2000
    [[ice_servers]]
    url = "stun:stun.example.org:3478"
"""

import dataclasses
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from server.turn import IceServer

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

_Port = Annotated[int, Field(ge=1, le=65535)]

ANY_ORIGIN = "*"
# As browsers write it (RFC 6454 section 6.2): no path, not even "/".
_ORIGIN = r"^(\*|https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$"


class ConfigError(Exception):
    """The configuration cannot be used; says which key, what was found, what was expected."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HttpConfig:
    """Where the server listens. ``port`` 0 lets the system choose one.

    ``allowed_hosts`` are names that it may be called by besides those that ``hosts`` knows, such
    as a reverse proxy's; "*" allows all. ``https`` is served with ``certificate`` and its ``key``,
    PEM files; without them with a self-signed one, see ``self_signed``.

    ``allowed_origins`` are sites, such as "https://app.example.org", whose pages may call this
    server from a browser (CORS); "*" allows all. This machine's own requests, those of such pages
    too, need no key (see ``access``) unless ``require_key_on_loopback``: behind a reverse proxy on
    this machine, everyone looks like it where the proxy does not tell that it is one.
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
    send: short packets, because the receiver's jitter buffer holds a fixed number of them.
    A call ends after ``idle_timeout_s`` without any sound above silence and without any wish, and
    after ``no_microphone_timeout_s`` once the browser has ended its microphone track.
    ``udp_ports``: the lowest and the highest for media, of which a connection takes one for each
    address of this machine; None: any.
    """

    max_sessions: Annotated[int, Field(ge=1, le=1000)] | None = None
    playout_delay_ms: Annotated[int, Field(ge=80, le=2000)] = 290
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
    wait to be spoken, and at most ``max_viewers`` watch one avatar. A publisher that offers video
    is refused, or with ``ignore_video`` heard and not seen.
    """

    linger_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    max_speech_s: Annotated[float, Field(ge=1, le=3600)] = 600.0
    max_viewers: Annotated[int, Field(ge=1, le=10_000)] = 100
    ignore_video: bool = True


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class VideoConfig:
    """The picture: square, ``size_px`` on a side, at a fixed bitrate.

    ``painted_mouth``: the inside of the mouth is painted by the frame denoiser, not only drawn.
    """

    size_px: Annotated[int, Field(ge=256, le=1024, multiple_of=16)] = 512
    painted_mouth: bool = False
    bitrate_kbps: Annotated[int, Field(ge=200, le=20_000)] = 1500
    keyframe_interval_s: Annotated[float, Field(ge=0.4, le=60)] = 2.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class VoiceConfig:
    """The sound, Opus mono."""

    bitrate_kbps: Annotated[int, Field(ge=16, le=256)] = 64


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ComputeConfig:
    """``torch_threads`` the model computes with; None: half of the cores, see ``threads``."""

    torch_threads: Annotated[int, Field(ge=1, le=256)] | None = None


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


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Config:
    """All of it. Raises pydantic's ValidationError (a ValueError) for a value out of range."""

    http: HttpConfig = Field(default_factory=HttpConfig)
    call: CallConfig = Field(default_factory=CallConfig)
    performance: PerformanceConfig = Field(default_factory=PerformanceConfig)
    video: VideoConfig = Field(default_factory=VideoConfig)
    voice: VoiceConfig = Field(default_factory=VoiceConfig)
    compute: ComputeConfig = Field(default_factory=ComputeConfig)
    portraits: PortraitConfig = Field(default_factory=PortraitConfig)
    avatars: AvatarConfig = Field(default_factory=AvatarConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    ice_servers: tuple[IceServer, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The command line's wishes; None leaves what the file or the default says."""

    host: str | None = None
    port: int | None = None
    https: bool | None = None
    certificate: Path | None = None
    key: Path | None = None
    log_level: str | None = None
    max_sessions: int | None = None
    portrait: Path | None = None
    size_px: int | None = None
    painted_mouth: bool | None = None


_CONFIG: TypeAdapter[Config] = TypeAdapter(Config)


def load(path: Path | None, flags: Flags) -> Config:
    """The configuration of ``path`` (None: the defaults), with ``flags`` laid over it.

    Raises ConfigError: no such file, not TOML, an unknown key, a value of a wrong type or range.
    """
    tables: dict[str, object] = {}
    if path is not None:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
    wishes: tuple[tuple[str, str, object | None], ...] = (
        ("http", "host", flags.host),
        ("http", "port", flags.port),
        ("http", "https", flags.https),
        ("http", "certificate", flags.certificate),
        ("http", "key", flags.key),
        ("http", "log_level", flags.log_level),
        ("call", "max_sessions", flags.max_sessions),
        ("portraits", "default", flags.portrait),
        ("video", "size_px", flags.size_px),
        ("video", "painted_mouth", flags.painted_mouth),
    )
    for table_name, key, wish in wishes:
        table = tables.setdefault(table_name, {})
        if wish is not None and isinstance(table, dict):
            table[key] = wish
    try:
        return _CONFIG.validate_python(tables)
    except ValidationError as error:
        found = "; ".join(
            _describe(item["loc"], item["type"], item["msg"], item["input"])
            for item in error.errors(include_url=False)
        )
        raise ConfigError(f"{path or 'command line'}: {found}") from error


def _describe(loc: tuple[int | str, ...], kind: str, problem: str, found: object) -> str:
    """Say where and why, and what was found, unless that may be, or hold, a secret."""
    where = ".".join(str(part) for part in loc)
    hidden = (
        kind == "unexpected_keyword_argument"  # such as "secert"
        or isinstance(found, (dict, list, ArgsKwargs))
        or (loc[0] == "ice_servers" and loc[-1] not in ("url", "credential_ttl_s"))
    )
    return f"{where}: {problem}" if hidden else f"{where} = {found!r}: {problem}"
