from collections.abc import Iterator
from threading import Thread

import pytest
import torch

from server.config import ComputeConfig
from server.threads import limit_torch


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4), (None, 1)])
def test_half_of_the_cores_are_left_to_others(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert limit_torch(ComputeConfig()) == threads
    assert torch.get_num_threads() == threads


def test_the_configured_number_holds_for_threads_that_start_later() -> None:
    assert limit_torch(ComputeConfig(torch_threads=3)) == 3
    found: list[int] = []
    thread = Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [3]
