"""Reading the configuration: defaults, then a TOML file, then command-line flags.

The tables are the dataclasses of ``config``, and their keys the fields::

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

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs

from server.config import Config, ConfigError
from server.outgoing_config import PublishConfig


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
    record: Path | None = None
    publish: PublishConfig | None = None


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
        ("recording", "folder", flags.record),
        ("recording", "everything", None if flags.record is None else True),
    )
    for table_name, key, wish in wishes:
        table = tables.setdefault(table_name, {})
        if wish is not None and isinstance(table, dict):
            table[key] = wish
    if flags.publish is not None:
        tables["publish"] = [*_as_list(tables.get("publish")), flags.publish]
    try:
        return _CONFIG.validate_python(tables)
    except ValidationError as error:
        found = "; ".join(
            _describe(item["loc"], item["type"], item["msg"], item["input"])
            for item in error.errors(include_url=False)
        )
        raise ConfigError(f"{path or 'command line'}: {found}") from error


def _as_list(found: object) -> list[object]:
    return found if isinstance(found, list) else [] if found is None else [found]


def _describe(loc: tuple[int | str, ...], kind: str, problem: str, found: object) -> str:
    """Say where and why, and what was found, unless that may be, or hold, a secret."""
    where = ".".join(str(part) for part in loc)
    hidden = (
        kind == "unexpected_keyword_argument"  # such as "secert"
        or isinstance(found, (dict, list, ArgsKwargs))
        or "token" in loc
        or "api_key" in loc
        or (loc[0] == "ice_servers" and loc[-1] not in ("url", "credential_ttl_s"))
    )
    return f"{where}: {problem}" if hidden else f"{where} = {found!r}: {problem}"
