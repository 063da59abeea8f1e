import os
import subprocess
import sys
from pathlib import Path

import pytest

from server import command
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


def test_what_lies_where_it_is_started_is_not_taken_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server.py").write_text("raise RuntimeError('an agent of somebody else')\n")
    monkeypatch.chdir(tmp_path)
    with AvatarProcess(FakeAvatar, ModelProcess()) as avatar:
        avatar.warm_up()


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


def test_a_command_line_that_is_wrong_leaves_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    process = ModelProcess()
    monkeypatch.setattr("server.command.ModelProcess", lambda: process)
    monkeypatch.setattr("sys.argv", ["likeness", "serve", "--nonsense"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err
    assert not process.is_alive


def test_other_commands_begin_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("server.command.ModelProcess")
    monkeypatch.setattr("sys.argv", ["likeness", "--help"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 0
