"""How long after `likeness serve` is the server ready, with a warm model?

`python -m benchmarks.startup [--runs N]`. The first run may read files from a cold disk; it is
printed apart. The baseline of this file is a Python that only imports torch.
"""

import argparse
import subprocess
import sys
import time

from benchmarks.record import Figure, report
from tests.browser.serving import serve


def ready_after_s() -> float:
    """Return the seconds from starting the command until /readyz answers 200, to 0.1 s."""
    start = time.perf_counter()
    with serve("--port", "0"):
        return time.perf_counter() - start


def import_torch_s() -> float:
    """Return the seconds that a Python takes to start and import torch."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs after the first one")
    runs = parser.parse_args().runs
    first = Figure("ready, first run", "s", (ready_after_s(),))
    baseline = Figure("baseline: import torch", "s", tuple(import_torch_s() for _ in range(runs)))
    later = Figure("ready", "s", tuple(ready_after_s() for _ in range(runs)))
    report(
        "startup: how long after `likeness serve` is the server ready?",
        [first, later],
        baseline=baseline,
        settings={"runs": runs},
    )


if __name__ == "__main__":
    main()
