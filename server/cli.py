"""The ``likeness`` command: serve, render, doctor; ``keys`` is in ``key_commands``."""

import argparse
import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from tqdm import tqdm

from model.avatar import DEFAULT_WEIGHTS, Avatar, Controls, WeightsError
from model.identity.portrait import PortraitError
from model.rates import FPS
from server import certificate, doctor, hosts, key_commands, key_file, logs, user_data
from server.app import CLIENT_WEB, Server, stream_config
from server.avatar_store import AvatarStore
from server.certificate import Certificate, CertificateError
from server.config import ConfigError, Flags, HttpConfig, load
from server.key_file import KeyFile, KeyFileError
from server.media_loop import MediaLoop
from server.portraits import PortraitFile, built_in, prepare
from server.recording import AudioFileError, Recording
from server.render import Look, OutputError, Rendering
from server.self_signed import kept_at, self_signed
from server.threads import limit_torch

FAILED = 1
BAD_INPUT = 2
DAMAGED_INPUT = 3
INTERRUPTED = 130


class StartError(Exception):
    """The server cannot start here; says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or one of the above."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (
        AudioFileError, CertificateError, ConfigError, KeyFileError, OutputError, PortraitError,
        StartError, WeightsError,
    ) as error:  # fmt: skip
        print(f"likeness: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="likeness", description="One portrait, one microphone: a face that speaks, live."
    )
    commands = parser.add_subparsers(required=True, dest="command")

    serve = commands.add_parser("serve", help="serve calls and the page")
    serve.add_argument("--portrait", type=Path, metavar="FILE", help="the default portrait")
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (8080)")
    serve.add_argument(
        "--https",
        action="store_true",
        default=None,
        help="serve HTTPS: elsewhere than on localhost, browsers give no page the microphone"
        " without it; with no certificate given, a self-signed one is made and kept",
    )
    serve.add_argument("--certificate", type=Path, metavar="CERT.pem", help="for --https, PEM")
    serve.add_argument("--key", type=Path, metavar="KEY.pem", help="the certificate's key, PEM")
    serve.add_argument("--config", type=Path, metavar="FILE", help="configuration, TOML")
    _add_painted_mouth(serve)
    serve.add_argument("--max-sessions", type=int, metavar="N", help="calls at once (measured)")
    serve.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
    serve.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR")
    serve.set_defaults(run=_serve)

    render = commands.add_parser("render", help="make a video of a portrait and a recording")
    render.add_argument("portrait", type=Path, help="picture file with one face")
    render.add_argument("audio", type=Path, help="recording of speech")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    render.add_argument("--size", type=int, metavar="PX", help="pixels a side (512)")
    _add_painted_mouth(render)
    render.add_argument("--expression", default="neutral", help="neutral, happy, sad, ...")
    render.add_argument("--strength", type=float, default=0.5, help="of the expression, 0..1")
    render.add_argument("--head-speed", type=float, default=0.5, help="of the head, 0..1")
    render.add_argument("--seed", type=int, default=0, help="same seed, same video")
    render.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR")
    render.set_defaults(run=_render)

    key_commands.add_verbs(
        commands.add_parser("keys", help="add, list and remove keys for other machines")
    )

    examine = commands.add_parser("doctor", help="say what this machine can do")
    examine.add_argument("--config", type=Path, metavar="FILE", help="configuration, TOML")
    examine.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR")
    examine.set_defaults(run=_doctor)
    return parser


def _add_painted_mouth(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--painted-mouth",
        action=argparse.BooleanOptionalAction,
        help="paint the inside of the mouth by the frame denoiser, not only draw it",
    )


def _serve(options: argparse.Namespace) -> int:
    config = load(
        options.config,
        Flags(
            host=options.host,
            port=options.port,
            https=options.https,
            certificate=options.certificate,
            key=options.key,
            log_level=options.log_level,
            max_sessions=options.max_sessions,
            portrait=options.portrait,
            painted_mouth=options.painted_mouth,
        ),
    )
    listener = _listen(config.http.host, config.http.port)
    with listener:
        logs.configure(config.http.log_level)
        keys = KeyFile(key_file.kept_at())
        has_keys = bool(keys.current())
        tls = _certificate(config.http)
        limit_torch(config.compute)
        avatar = Avatar.load(options.weights, paints=config.video.painted_mouth)
        files = built_in(CLIENT_WEB)
        if config.portraits.default is not None:
            path = config.portraits.default
            files.insert(0, PortraitFile("custom", path.stem, "", path))
        first = files[0]
        default = prepare(
            avatar, first.id, first.title, first.credit, _read(first.path), config.video.size_px
        )

        def stop() -> None:
            web.should_exit = True

        avatars = AvatarStore(user_data.folder() / "avatars", config.avatars)
        server = Server(config, avatar, files, default, keys, avatars, stop)
        host, port = listener.getsockname()[:2]
        print(f"Likeness is at {_url('https' if tls else 'http', host, port)}", flush=True)
        if tls is not None and config.http.certificate is None:
            print(
                "Its certificate is self-signed: browsers warn of it once. Its SHA-256 fingerprint,"
                f" to compare: {tls.fingerprint}",
                flush=True,
            )
        if not has_keys and not hosts.is_loopback(config.http.host):
            print(
                "There are no keys: it serves only this machine. `likeness keys add NAME --scope"
                " publish` makes one for another.",
                flush=True,
            )
        web = uvicorn.Server(
            uvicorn.Config(
                server.app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
                ssl_context_factory=None if tls is None else lambda *_: tls.context,
            )
        )
        # Ctrl-C is how a server is stopped: uvicorn has shut down, then passes it on.
        with (
            contextlib.suppress(KeyboardInterrupt),
            asyncio.Runner(loop_factory=lambda: MediaLoop(config.call.udp_ports)) as runner,
        ):
            runner.run(web.serve(sockets=[listener]))
    if server.failure is not None:
        print(
            f"likeness: the model cannot run on this machine ({server.failure}): the log above"
            " tells where it failed",
            file=sys.stderr,
        )
        return FAILED
    return 0


def _render(options: argparse.Namespace) -> int:
    config = load(None, Flags(size_px=options.size, painted_mouth=options.painted_mouth))
    try:
        controls = Controls(options.expression, options.strength, options.head_speed)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    image = _read(options.portrait)
    recording = Recording(options.audio)
    for source in (options.portrait, options.audio):
        if options.output.exists() and options.output.samefile(source):
            raise OutputError(f"-o {options.output} would overwrite {source}: name another file")
    limit_torch(config.compute)
    avatar = Avatar.load(options.weights, paints=config.video.painted_mouth)
    identity = avatar.identify(image, config.video.size_px)
    look = Look(controls, options.seed)
    rendering = Rendering(avatar, identity, stream_config(config, avatar), look)
    total = None if recording.stated_s is None else round(recording.stated_s * FPS)
    with tqdm(total=total, unit="frame", desc=options.output.name) as progress:
        for _ in rendering.write(recording, options.output):
            progress.update()
    if recording.damage is not None:
        print(
            f"likeness: {options.audio}: {recording.damage}; {options.output} holds what could be"
            " read",
            file=sys.stderr,
        )
        return DAMAGED_INPUT
    return 0


def _doctor(options: argparse.Namespace) -> int:
    config = load(options.config, Flags())
    limit_torch(config.compute)
    return (
        0
        if doctor.examine(
            Avatar.load(options.weights, paints=config.video.painted_mouth), config, print
        )
        else 1
    )


def _certificate(http: HttpConfig) -> Certificate | None:
    """Return what to serve HTTPS with; None: it is not wished."""
    if not http.https:
        return None
    now = datetime.now(UTC)
    if http.certificate is not None and http.key is not None:
        return certificate.given(http.certificate, http.key, now)
    return self_signed(kept_at(), hosts.own_names(http), now)


def _url(scheme: str, host: str, port: int) -> str:
    if host in ("127.0.0.1", "0.0.0.0", "::", "::1"):
        host = "localhost"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PortraitError(f"cannot read {path}: {error.strerror}") from error


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens, taken before anything slow is done."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family)
    except socket.gaierror as error:
        raise StartError(f"--host {host}: {error.strerror}") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"port {port} is in use: stop what uses it, or choose another with --port"
            ) from error
        raise StartError(f"cannot listen on {host} port {port}: {error.strerror}") from error
