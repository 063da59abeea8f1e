import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.avatar_process import AvatarProcess
from server.model_process import ModelProcess
from tests.server.fakes import FakeAvatar


def test_one_that_was_begun_before_is_used() -> None:
    process = ModelProcess()
    with AvatarProcess(FakeAvatar, process) as avatar:
        avatar.warm_up()
        assert avatar.pid == process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_one_that_nobody_needs_is_gone_at_once() -> None:
    process = ModelProcess()
    process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_the_program_begins_it_before_what_is_slow() -> None:
    program = "import sys, server.command; print('torch' in sys.modules, 'fastapi' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["False", "False"]


def test_a_command_line_that_is_wrong_leaves_none() -> None:
    likeness = Path(sys.executable).with_name("likeness")
    ran = subprocess.run([likeness, "serve", "--nonsense"], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "unrecognized arguments: --nonsense" in ran.stderr
    assert "Traceback" not in ran.stderr
