"""The real server as a process of its own, as a user starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread, Timer

_URL = re.compile(r"https?://[\w.:\[\]-]+")
_READY_LIMIT_S = 90.0
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
def serve(*arguments: str, data_home: Path | None = None) -> Iterator[Served]:
    """Start `likeness serve ARGUMENTS`, yield it when it is ready, end it after.

    data_home: where it keeps what is its user's, if not where this user's is kept.

    Raises RuntimeError when it ended before it was ready, or was ended because that took too
    long; it holds what was printed.
    """
    command = [str(Path(sys.executable).with_name("likeness")), "serve", *arguments]
    environment = dict(os.environ)
    if data_home is not None:
        environment["XDG_DATA_HOME"] = str(data_home)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        printed: list[str] = []
        patience = Timer(_READY_LIMIT_S, process.kill)
        patience.start()
        try:
            try:
                url = _read_until_ready(process.stdout, printed)
            finally:
                patience.cancel()
            # A pipe that nobody reads fills up and stops the server.
            reader = Thread(target=printed.extend, args=(process.stdout,), daemon=True)
            reader.start()
            yield Served(url, process)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=_STOP_LIMIT_S)


def _read_until_ready(lines: Iterable[str], printed: list[str]) -> str:
    """Read what the server prints up to its log line "ready"; return the address it told."""
    for line in lines:
        printed.append(line)
        if '"message": "ready"' in line:
            found = _URL.search("".join(printed))
            assert found is not None, "the server tells its address before it is ready"
            return found.group()
    raise RuntimeError(f"the server was not ready; it printed:\n{''.join(printed)}")
