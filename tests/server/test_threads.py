from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import cv2
import pytest
import torch

from server.config import ComputeConfig
from server.threads import limit_threads, usable_cores


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def write_cgroups(folder: Path, quotas: dict[str, str]) -> tuple[Path, Path]:
    """Make a process's membership in the group a/b, and the cpu.max of some groups."""
    membership, cgroups = folder / "membership", folder / "cgroups"
    (cgroups / "a" / "b").mkdir(parents=True)
    membership.write_text("0::/a/b\n")
    for group, cpu_max in quotas.items():
        (cgroups / group / "cpu.max").write_text(f"{cpu_max}\n")
    return membership, cgroups


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_half_of_the_cores_are_left_to_others(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr("server.threads.usable_cores", lambda: cores)
    assert limit_threads(ComputeConfig()) == threads
    assert torch.get_num_threads() == threads
    assert cv2.getNumThreads() == threads


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({}, 8),
        ({"a/b": "max 100000"}, 8),
        ({"a/b": "400000 100000"}, 4),
        ({"a/b": "250000 100000"}, 2),
        ({"a/b": "50000 100000"}, 1),
        ({"a/b": "max 100000", "a": "300000 100000"}, 3),
        ({".": "200000 100000", "a": "300000 100000"}, 2),
        ({"a/b": "1600000 100000"}, 8),
    ],
)
def test_a_quota_counts_as_fewer_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quotas: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable_cores(*write_cgroups(tmp_path, quotas)) == cores


def test_without_affinity_and_cgroups_the_machine_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert usable_cores(tmp_path / "nowhere", tmp_path) == 6
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert usable_cores(tmp_path / "nowhere", tmp_path) == 1


def test_the_configured_number_holds_for_threads_that_start_later() -> None:
    assert limit_threads(ComputeConfig(torch_threads=3)) == 3
    found: list[int] = []
    thread = Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [3]
