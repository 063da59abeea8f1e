"""The ``likeness`` command. Each of its commands has a module, imported when it is called.

Such a module has ``add_options(parser)``, which sets ``run``, and the ``ERRORS`` that it can end
with: those say in a sentence what was found, what was expected, and what to do.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from server.command_line import BAD_INPUT, INTERRUPTED
from server.model_process import ModelProcess


@dataclass(frozen=True)
class _Command:
    module: str
    help: str


_COMMANDS = {
    "serve": _Command("server.serve_command", "serve calls and the page"),
    "render": _Command("server.render_command", "make a video of a portrait and a recording"),
    "present": _Command("server.present", "let an avatar of a running server speak a script"),
    "keys": _Command("server.key_commands", "add, list and remove keys for other machines"),
    "detect": _Command("server.detect_command", "say whether a video is marked as made by AI"),
    "doctor": _Command("server.doctor", "say what this machine can do"),
}


def main(arguments: Sequence[str] | None = None, model_process: ModelProcess | None = None) -> int:
    """Run the command; returns the exit status: 0, or one of ``command_line``.

    model_process: for ``serve``, if it was begun already.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    errors: tuple[type[Exception], ...] = ()
    try:
        parser = argparse.ArgumentParser(
            prog="likeness", description="One portrait, one microphone: a face that speaks, live."
        )
        commands = parser.add_subparsers(required=True, dest="command")
        for name, command in _COMMANDS.items():
            own = commands.add_parser(name, help=command.help)
            # The others take seconds to import.
            if name in arguments[:1]:
                module = importlib.import_module(command.module)
                module.add_options(own)
                errors = module.ERRORS
        options = parser.parse_args(arguments)
        options.model_process = model_process
        status: int = options.run(options)
    except errors as error:
        print(f"likeness: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return status
