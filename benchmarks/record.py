"""How a figure is taken and kept: warm-up, raw samples, the machine, the commit, a table.

Every run times one fixed piece of work besides its own, the baseline, so that figures of
different machines, or of one machine on a busy day, can be told apart from changes of the code.
"""

import json
import math
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_TAIL_PERCENT = 95


@dataclass(frozen=True)
class Figure:
    """Raw samples of one quantity, in `unit`, in the order they were taken.

    Of its bad end, the table tells the percentile `tail_percent`: 5 where more is better.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    tail_percent: int = _TAIL_PERCENT

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError(f"{self.name}: found no samples, expected at least 1")

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def mean(self) -> float:
        """Of all samples."""
        return statistics.fmean(self.samples)

    def percentile(self, percent: int) -> float:
        """Return the smallest sample that at least `percent` % of the samples do not exceed."""
        rank = -(-percent * len(self.samples) // 100)
        return sorted(self.samples)[max(rank, 1) - 1]


def if_any(name: str, unit: str, samples: Sequence[float]) -> list[Figure]:
    """A figure, or none where there are no samples; says so."""
    if not samples:
        print(f"{name}: none")
        return []
    return [Figure(name, unit, tuple(float(sample) for sample in samples))]


def measure(
    name: str, work: Callable[[], object], *, count: int, warm_up: int = 5, per: int = 1
) -> Figure:
    """Time `count` calls after `warm_up` unrecorded ones; ms per item, `per` items in a call."""
    for _ in range(warm_up):
        work()
    samples: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        samples.append((time.perf_counter() - start) * 1000 / per)
    return Figure(name, "ms", tuple(samples))


def measure_baseline(count: int = 50) -> Figure:
    """Time a 3x3 convolution, 64 channels, 128x128, float32: 1.2 GFLOP on one core.

    One, however many threads the benchmark itself has: else no two of them could be compared.
    """
    image = torch.randn(1, 64, 128, 128)
    kernel = torch.randn(64, 64, 3, 3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return measure(
                "baseline: convolution, 1.2 GFLOP",
                lambda: torch.nn.functional.conv2d(image, kernel, padding=1),
                count=count,
            )
    finally:
        torch.set_num_threads(threads)


def machine() -> dict[str, str | int]:
    """Describe the hardware and the software that a figure depends on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "torch_threads": torch.get_num_threads(),
        "load_1min": f"{os.getloadavg()[0]:.2f}",
        "commit": _commit(),
    }


def report(
    question: str,
    figures: Sequence[Figure],
    *,
    baseline: Figure,
    settings: Mapping[str, object],
    conclusions: Sequence[str] = (),
) -> Path:
    """Print a table and write everything, raw samples too, to benchmarks/results/.

    `conclusions` are sentences for who reads it, kept beside the figures.
    """
    about = machine()
    print(f"\n{question}")
    print(", ".join(f"{key} {value}" for key, value in {**about, **settings}.items()))
    print(f"\n| {'what':<44} | unit |  median |     p95 |   n | x baseline |")
    print(f"|{'-' * 46}|------|--------:|--------:|----:|-----------:|")
    for figure in (*figures, baseline):
        comparable = figure.unit == baseline.unit
        ratio = f"{figure.median / baseline.median:10.2f}" if comparable else " " * 10
        tail = f"{figure.percentile(figure.tail_percent):.2f}"
        if figure.tail_percent != _TAIL_PERCENT:
            tail = f"p{figure.tail_percent} {tail}"
        print(
            f"| {figure.name:<44} | {figure.unit:<4} | {figure.median:7.2f} |"
            f" {tail:>7} | {len(figure.samples):3} | {ratio} |"
        )
    for sentence in conclusions:
        print(sentence)
    taken = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{question.split(':')[0]}-{taken:%Y%m%dT%H%M%SZ}.json"
    content = {
        "question": question,
        "taken": taken.isoformat(),
        "machine": about,
        "settings": dict(settings),
        "baseline": _kept(baseline),
        "figures": [_kept(figure) for figure in figures],
        "conclusions": list(conclusions),
    }
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    print(f"\nraw samples: {path.relative_to(ROOT)}")
    return path


def _kept(figure: Figure) -> dict[str, object]:
    """As JSON has it, which knows neither infinity nor NaN: these become null."""
    samples = [sample if math.isfinite(sample) else None for sample in figure.samples]
    return {**asdict(figure), "samples": samples}


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    answer = subprocess.run(command, capture_output=True, text=True)
    return answer.stdout.strip() if answer.returncode == 0 else "not a git checkout"
