"""The options of those commands of ``likeness`` that have a model."""

import argparse
from pathlib import Path

from model.avatar import DEFAULT_WEIGHTS


def add(command: argparse.ArgumentParser) -> None:
    """Add ``--config``, ``--painted-mouth`` and ``--weights``."""
    command.add_argument("--config", type=Path, metavar="FILE", help="configuration, TOML")
    command.add_argument(
        "--painted-mouth",
        action=argparse.BooleanOptionalAction,
        help="paint the inside of the mouth by the frame denoiser, not only draw it",
    )
    command.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR")
