"""How a figure is taken and kept: warm-up, raw samples, the machine, the commit, a table.

Every run times one fixed piece of work besides its own, the baseline, so that figures of
different machines, or of one machine on a busy day, can be told apart from changes of the code.
"""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Figure:
    """Raw samples of one quantity, in `unit`, in the order they were taken."""

    name: str
    unit: str
    samples: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError(f"{self.name}: found no samples, expected at least 1")

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    def percentile(self, percent: int) -> float:
        """Return the smallest sample that at least `percent` % of the samples do not exceed."""
        rank = -(-percent * len(self.samples) // 100)
        return sorted(self.samples)[max(rank, 1) - 1]


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
    """Time a 3x3 convolution, 64 channels, 128x128, float32: 1.2 GFLOP on all cores."""
    image = torch.randn(1, 64, 128, 128)
    kernel = torch.randn(64, 64, 3, 3)
    with torch.inference_mode():
        return measure(
            "baseline: convolution, 1.2 GFLOP",
            lambda: torch.nn.functional.conv2d(image, kernel, padding=1),
            count=count,
        )


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
    question: str, figures: Sequence[Figure], *, baseline: Figure, settings: dict[str, object]
) -> Path:
    """Print a table and write everything, raw samples too, to benchmarks/results/."""
    about = machine()
    print(f"\n{question}")
    print(", ".join(f"{key} {value}" for key, value in {**about, **settings}.items()))
    print(f"\n| {'what':<44} | unit |  median |     p95 |   n | x baseline |")
    print(f"|{'-' * 46}|------|--------:|--------:|----:|-----------:|")
    for figure in (*figures, baseline):
        comparable = figure.unit == baseline.unit
        ratio = f"{figure.median / baseline.median:10.2f}" if comparable else " " * 10
        print(
            f"| {figure.name:<44} | {figure.unit:<4} | {figure.median:7.2f} |"
            f" {figure.percentile(95):7.2f} | {len(figure.samples):3} | {ratio} |"
        )
    taken = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{question.split(':')[0]}-{taken:%Y%m%dT%H%M%SZ}.json"
    content = {
        "question": question,
        "taken": taken.isoformat(),
        "machine": about,
        "settings": settings,
        "baseline": asdict(baseline),
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nraw samples: {path.relative_to(ROOT)}")
    return path


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
