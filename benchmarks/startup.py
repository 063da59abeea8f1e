"""How long after `likeness serve` is the server ready, with a warm model?

`python -m benchmarks.startup [--runs N]`. The first run may read files from a cold disk; it is
printed apart. The baseline of this file is a Python that only imports torch.
"""

import argparse
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from benchmarks.record import Figure, report

LIMIT_S = 120.0
URL = re.compile(r"http://[\w.:\[\]-]+")


@contextmanager
def served() -> Iterator[str]:
    """Start a server on a free port; yield its URL once it has printed it, and end it after.

    Raises:
        RuntimeError: the server ended without printing a URL.
    """
    command = [str(Path(sys.executable).with_name("likeness")), "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        seen: list[str] = []
        for line in process.stdout:
            seen.append(line)
            if match := URL.search(line):
                break
        else:
            raise RuntimeError(f"the server ended without printing its URL:\n{''.join(seen)}")
        drain = Thread(target=process.stdout.read, daemon=True)
        drain.start()
        try:
            yield match.group()
        finally:
            process.terminate()
            process.wait(timeout=30)
            drain.join()


def ready_after_s() -> float:
    """Return the seconds from starting the command until /readyz answers 200.

    Raises:
        TimeoutError: it did not within `LIMIT_S`.
    """
    start = time.perf_counter()
    with served() as url:
        while (elapsed := time.perf_counter() - start) < LIMIT_S:
            try:
                with urllib.request.urlopen(f"{url}/readyz"):
                    return time.perf_counter() - start
            except urllib.error.URLError:
                time.sleep(0.02)
    raise TimeoutError(f"/readyz was not 200 after {elapsed:.0f} s")


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
