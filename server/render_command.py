"""``likeness render``: a video of a portrait and a recording, faster than real time."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from model.avatar import Avatar, Controls, WeightsError
from model.identity.picture import PortraitError
from model.rates import FPS
from server import command_line, credentials, model_options
from server.app import stream_config
from server.certificate import CertificateError
from server.config import ConfigError
from server.config_file import Flags, load
from server.portraits import read_picture
from server.recording import AudioFileError, Recording
from server.render import Look, OutputError, Rendering
from server.threads import limit_threads

ERRORS = AudioFileError, CertificateError, ConfigError, OutputError, PortraitError, WeightsError


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of ``render``, and what runs it."""
    command.add_argument("portrait", type=Path, help="picture file with one face")
    command.add_argument("audio", type=Path, help="recording of speech")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    command.add_argument("--size", type=int, metavar="PX", help="pixels a side (512)")
    command.add_argument("--expression", default="neutral", help="neutral, happy, sad, ...")
    command.add_argument("--strength", type=float, default=0.5, help="of the expression, 0..1")
    command.add_argument("--head-speed", type=float, default=0.5, help="of the head, 0..1")
    command.add_argument("--seed", type=_seed, default=0, help="same seed, same video")
    model_options.add(command)
    command.set_defaults(run=_render)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**63:
        raise argparse.ArgumentTypeError(f"found {seed}, expected 0 or more, below 2^63")
    return seed


def _check_output(output: Path, *sources: Path) -> None:
    for source in sources:
        if output.exists() and output.samefile(source):
            raise OutputError(f"-o {output} would overwrite {source}: name another file")
    if output.suffix.lower() != ".mp4":
        raise OutputError(f"-o {output}: what is written is MP4: let its name end so")
    if output.exists() and not output.is_file():
        raise OutputError(f"-o {output} is there and is no file: name another")


def _render(options: argparse.Namespace) -> int:
    flags = Flags(size_px=options.size, painted_mouth=options.painted_mouth)
    config = load(options.config, flags)
    try:
        controls = Controls(options.expression, options.strength, options.head_speed)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    image = read_picture(options.portrait)
    recording = Recording(options.audio)
    _check_output(options.output, options.portrait, options.audio)
    signer = credentials.signer(config.trust, datetime.now(UTC))
    limit_threads(config.compute)
    avatar = Avatar.load(options.weights, paints=config.video.painted_mouth)
    try:
        identity = avatar.identify(image, config.video.size_px)
    except PortraitError as error:
        raise PortraitError(f"{options.portrait}: {error}") from error
    look = Look(controls, options.seed)
    stream = stream_config(config, avatar)
    rendering = Rendering(avatar, identity, stream, look, config.trust, signer)
    total = None if recording.stated_s is None else round(recording.stated_s * FPS)
    with tqdm(total=total, unit="frame", desc=options.output.name) as progress:
        # What a link points to is replaced, not the link.
        for _ in rendering.write(recording, options.output.resolve()):
            progress.update()
    if recording.damage is not None:
        print(
            f"likeness: {options.audio}: {recording.damage}; {options.output} holds what could be"
            " read",
            file=sys.stderr,
        )
        return command_line.DAMAGED_INPUT
    return 0
