"""A process for the model, begun before this one has imported what takes seconds."""

import contextlib
import multiprocessing
import os
import subprocess
import sys

_END_S = 5.0


class ModelProcess:
    """Answers on its ``connection`` as ``server.avatar_answers`` says; ends when that is closed."""

    def __init__(self) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        # Not multiprocessing.Process: it would import all of the server there, for seconds.
        program = f"from server.avatar_answers import answer_calls; answer_calls({theirs.fileno()})"
        self._process = subprocess.Popen(
            # -P: not what lies in the folder where it was started, whatever its name.
            [sys.executable, "-P", "-c", program],
            pass_fds=(theirs.fileno(),),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # Not the terminal's: Ctrl-C is for the server, which decides when it is done.
            process_group=0,
        )
        theirs.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self) -> None:
        """Let it end what it computes now; kill it if that takes too long."""
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.kill()

    def kill(self) -> None:
        """End it at once, if it has not ended yet."""
        self._process.kill()
        self._process.wait()
