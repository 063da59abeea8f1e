"""The program ``likeness``."""

import sys

from server.model_process import ModelProcess


def main() -> int:
    """Run the command; returns the exit status.

    For ``serve`` the model's process begins first, so that both import what they need at once.
    """
    process = ModelProcess() if sys.argv[1:2] == ["serve"] else None
    # Only now: it takes seconds.
    from server import cli

    try:
        return cli.main(model_process=process)
    finally:
        if process is not None:
            process.kill()
