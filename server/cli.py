"""The ``likeness`` command. Each of its commands has a module of its own, but for ``doctor``."""

import argparse
import sys
from collections.abc import Sequence

from model.avatar import Avatar, WeightsError
from model.identity.portrait import PortraitError
from server import (
    detect_command,
    doctor,
    key_commands,
    present,
    render_command,
    serve_command,
)
from server.certificate import CertificateError
from server.command_line import BAD_INPUT, INTERRUPTED, add_model_options
from server.config import ConfigError
from server.config_file import Flags, load
from server.detect import DetectError
from server.key_file import KeyFileError
from server.model_process import ModelProcess
from server.present import PresentError
from server.recording import AudioFileError
from server.recordings import RecordingsFolderError
from server.render import OutputError
from server.serve_command import StartError
from server.threads import limit_threads


def main(arguments: Sequence[str] | None = None, model_process: ModelProcess | None = None) -> int:
    """Run the command; returns the exit status: 0, or one of ``command_line``.

    model_process: for ``serve``, if it was begun already.
    """
    options = _parser().parse_args(arguments)
    options.model_process = model_process
    try:
        status: int = options.run(options)
    except (
        AudioFileError, CertificateError, ConfigError, DetectError, KeyFileError, OutputError,
        PortraitError, PresentError, RecordingsFolderError, StartError, WeightsError,
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

    serve_command.add_options(commands.add_parser("serve", help="serve calls and the page"))

    render_command.add_options(
        commands.add_parser("render", help="make a video of a portrait and a recording")
    )

    present.add_options(
        commands.add_parser("present", help="let an avatar of a running server speak a script")
    )

    key_commands.add_verbs(
        commands.add_parser("keys", help="add, list and remove keys for other machines")
    )

    detect_command.add_options(
        commands.add_parser("detect", help="say whether a video is marked as made by AI")
    )

    examine = commands.add_parser("doctor", help="say what this machine can do")
    add_model_options(examine)
    examine.set_defaults(run=_doctor)
    return parser


def _doctor(options: argparse.Namespace) -> int:
    config = load(options.config, Flags(painted_mouth=options.painted_mouth))
    limit_threads(config.compute)
    return (
        0
        if doctor.examine(
            Avatar.load(options.weights, paints=config.video.painted_mouth), config, print
        )
        else 1
    )
