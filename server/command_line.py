"""What the commands of ``likeness`` share: how they end, and the options of those with a model."""

import argparse
from pathlib import Path

from model.avatar import DEFAULT_WEIGHTS

FAILED = 1
BAD_INPUT = 2
DAMAGED_INPUT = 3
INTERRUPTED = 130


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Add ``--config``, ``--painted-mouth`` and ``--weights``."""
    command.add_argument("--config", type=Path, metavar="FILE", help="configuration, TOML")
    command.add_argument(
        "--painted-mouth",
        action=argparse.BooleanOptionalAction,
        help="paint the inside of the mouth by the frame denoiser, not only draw it",
    )
    command.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR")
