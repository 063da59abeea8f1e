"""``likeness serve``: the server and its page."""

import argparse
import asyncio
import contextlib
import errno
import os
import socket
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from model.avatar import WeightsError
from model.identity.picture import PortraitError
from server import (
    certificate,
    command_line,
    credentials,
    hosts,
    key_file,
    logs,
    model_options,
    serving,
    user_data,
)
from server.app import CLIENT_WEB, Server
from server.avatar_answers import load_avatar
from server.avatar_process import AvatarProcess
from server.avatar_store import AvatarStore
from server.certificate import Certificate, CertificateError
from server.config import ConfigError, HttpConfig
from server.config_file import Flags, load
from server.key_file import KeyFile, KeyFileError
from server.media_loop import MediaLoop
from server.outgoing_config import PublishConfig
from server.portraits import PortraitFile, built_in, prepare, read_picture
from server.recordings import RecordingsFolderError, check_folder
from server.self_signed import kept_at, self_signed
from server.threads import limit_threads

_TOKEN_VARIABLE = "LIKENESS_PUBLISH_TOKEN"


class Web(uvicorn.Server):
    """Lets those go who listen to events, before it waits for all requests to end."""

    def __init__(self, server: Server, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._server = server

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        self._server.presenters.close_listeners()
        await super().shutdown(sockets)


class StartError(Exception):
    """The server cannot start here; says why and what to do."""


ERRORS = (
    CertificateError, ConfigError, KeyFileError, PortraitError, RecordingsFolderError, StartError,
    WeightsError,
)  # fmt: skip


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of ``serve``, and what runs it."""
    command.add_argument("--portrait", type=Path, metavar="FILE", help="the default portrait")
    command.add_argument("--host", help="address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, help="port to listen on (8080)")
    command.add_argument(
        "--https",
        action="store_true",
        default=None,
        help="serve HTTPS: elsewhere than on localhost, browsers give no page the microphone"
        " without it; with no certificate given, a self-signed one is made and kept",
    )
    command.add_argument("--certificate", type=Path, metavar="CERT.pem", help="for --https, PEM")
    command.add_argument("--key", type=Path, metavar="KEY.pem", help="the certificate's key, PEM")
    command.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="record every call and performance there",
    )
    command.add_argument(
        "--publish",
        metavar="WHIP_URL",
        help="send the default portrait to this WHIP server, always; the token that it wants is"
        f" read from ${_TOKEN_VARIABLE}",
    )
    command.add_argument("--max-sessions", type=int, metavar="N", help="calls at once (measured)")
    command.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
    model_options.add(command)
    command.set_defaults(run=_serve)


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
            record=options.record,
            publish=_publish(options.publish),
        ),
    )
    check_folder(config.recording)
    if config.trust.certificate is not None:
        # Told now, not after the first recording that it cannot sign.
        credentials.signer(config.trust, datetime.now(UTC))
    listener = _listen(config.http.host, config.http.port)
    with listener, contextlib.ExitStack() as stack:
        logs.configure(config.http.log_level)
        serving.raise_open_files()
        keys = KeyFile(key_file.kept_at())
        has_keys = bool(keys.current())
        tls = _certificate(config.http)
        load_model = partial(
            load_avatar,
            options.weights,
            paints=config.video.painted_mouth,
            torch_threads=limit_threads(config.compute),
            nice=config.compute.nice,
        )
        files = built_in(CLIENT_WEB)
        if config.portraits.default is not None:
            path = config.portraits.default
            files.insert(0, PortraitFile("custom", path.stem, "", path))
        first, picture = files[0], read_picture(files[0].path)
        avatar = stack.enter_context(AvatarProcess(load_model, options.model_process))
        default = prepare(
            avatar,
            first.id,
            first.title,
            first.credit,
            picture,
            config.video.size_px,
            config.trust,
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
        if has_keys and hosts.is_loopback(config.http.host):
            print(
                "There are keys, but it listens to this machine only: --host 0.0.0.0 lets others"
                " reach it.",
                flush=True,
            )
        web = Web(server, serving.config(server.app, None if tls is None else tls.context))
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
        return command_line.FAILED
    return 0


def _publish(url: str | None) -> PublishConfig | None:
    """Return where to send the default portrait. Its token is on no command line: `ps` shows it."""
    if url is None:
        return None
    try:
        return PublishConfig(url=url, token=os.environ.get(_TOKEN_VARIABLE))
    except ValidationError as error:
        raise ConfigError(
            f"--publish: expected http(s)://host/path, without user and password in it, and in"
            f" ${_TOKEN_VARIABLE} a token without spaces, if any"
        ) from error


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
