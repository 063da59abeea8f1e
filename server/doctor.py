"""``likeness doctor``: what this machine can do, by trying it."""

import argparse
import platform
import time
from collections.abc import Callable

import torch

from model.avatar import Avatar, WeightsError
from server import capacity, command_line, encoders, model_options
from server.app import CLIENT_WEB
from server.config import Config, ConfigError
from server.config_file import Flags, load
from server.portraits import built_in
from server.threads import limit_threads, usable_cores

_MATRIX = 1024
_REPEATS = 5
_WANTED_CODECS = {
    "libx264": "H.264 pictures",
    "libvpx": "VP8 pictures",
    "libopus": "voice",
    "aac": "the sound of `likeness render`",
}


ERRORS = ConfigError, WeightsError


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of ``doctor``, and what runs it."""
    model_options.add(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    config = load(options.config, Flags(painted_mouth=options.painted_mouth))
    limit_threads(config.compute)
    avatar = Avatar.load(options.weights, paints=config.video.painted_mouth)
    return 0 if examine(avatar, config, print) else command_line.FAILED


def examine(avatar: Avatar, config: Config, say: Callable[[str], None]) -> bool:
    """Say what was found, line by line; False when something that is needed is missing."""
    say(f"machine    {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    say(
        f"cores      {usable_cores()}, of which torch {torch.__version__} uses"
        f" {torch.get_num_threads()}"
    )
    say(f"bf16       {_describe_bf16()}")
    available = encoders.available_codecs()
    for name, purpose in _WANTED_CODECS.items():
        say(f"codec      {name}: {'yes' if name in available else 'MISSING'} ({purpose})")
    default = built_in(CLIENT_WEB)[0]
    start_s = time.perf_counter()
    identity = avatar.identify(default.path.read_bytes(), config.video.size_px)
    say(
        f"portrait   prepared in {time.perf_counter() - start_s:.2f} s at"
        f" {config.video.size_px}x{config.video.size_px}"
    )
    avatar.warm_up()
    measured = capacity.measure(avatar, identity, config.video)
    say(
        f"hop        {measured.hop_ms:.1f} ms for {measured.hop_duration_ms:.0f} ms of media:"
        f" motion {measured.motion_ms:.1f}, pictures {measured.render_ms:.1f},"
        f" coding {measured.encode_ms:.1f}"
    )
    say(f"speed      {measured.realtime_factor:.1f} times real time, at the best quality")
    say(f"sessions   {measured.sessions}")
    if measured.realtime_factor < 1:
        say("           too slow for full quality: steps, then pictures, will be left out")
    return {"libx264", "libvpx", "libopus"} <= set(available)


def _describe_bf16() -> str:
    """Compare bf16 with fp32 by doing the same work in both: what counts is whether it pays."""
    fp32_s, bf16_s = _matmul_s(torch.float32), _matmul_s(torch.bfloat16)
    factor = fp32_s / bf16_s
    verdict = "fast" if factor > 1.2 else "not worth using here"
    return f"{verdict}: {factor:.2g} times the speed of fp32"


def _matmul_s(dtype: torch.dtype) -> float:
    a = torch.ones(_MATRIX, _MATRIX, dtype=dtype)
    a @ a
    times = []
    for _ in range(_REPEATS):
        start_s = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start_s)
    return min(times)
