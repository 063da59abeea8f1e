"""The real server as a process of its own, as a user starts it."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

_URL = re.compile(r"http://[\w.:\[\]-]+")
_READY_LIMIT_S = 90.0
_ASK_AGAIN_S = 0.1
_STOP_LIMIT_S = 20.0


@dataclass(frozen=True)
class Served:
    """A running server: where it listens, and its process for those who weigh or end it."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """End it as Ctrl-C does; a server that has ended is left alone."""
        self.process.terminate()
        self.process.wait(timeout=_STOP_LIMIT_S)


@contextmanager
def serve(*arguments: str) -> Iterator[Served]:
    """Start `likeness serve ARGUMENTS`, yield it when it is ready, end it after.

    Raises:
        RuntimeError: it ended before it was ready; holds what it printed.
        TimeoutError: it was not ready in time.
    """
    command = [str(Path(sys.executable).with_name("likeness")), "serve", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        printed: list[str] = []
        try:
            for line in process.stdout:
                printed.append(line)
                if match := _URL.search(line):
                    break
            else:
                raise RuntimeError(f"the server ended before it was ready:\n{''.join(printed)}")
            # A pipe that nobody reads fills up and stops the server.
            reader = Thread(target=printed.extend, args=(process.stdout,), daemon=True)
            reader.start()
            _wait_until_ready(match.group(), process, printed)
            yield Served(match.group(), process)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=_STOP_LIMIT_S)


def _wait_until_ready(url: str, process: subprocess.Popen[str], printed: list[str]) -> None:
    give_up_at = time.monotonic() + _READY_LIMIT_S
    while time.monotonic() < give_up_at:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=_READY_LIMIT_S):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except urllib.error.URLError:
            if process.poll() is not None:
                text = "".join(printed)
                raise RuntimeError(f"the server ended before it was ready:\n{text}") from None
        time.sleep(_ASK_AGAIN_S)
    raise TimeoutError(f"{url}/readyz was not 200 after {_READY_LIMIT_S:.0f} s")
