"""Figures are kept as they are taken, on any machine."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import record
from benchmarks.record import Figure, if_any, measure_baseline, report

BASELINE = Figure("baseline", "ms", (10.0,))


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path)


def test_the_baseline_is_of_one_thread_and_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = torch.get_num_threads()
    used: list[int] = []
    monkeypatch.setattr(
        torch.nn.functional, "conv2d", lambda *_, **__: used.append(torch.get_num_threads())
    )
    torch.set_num_threads(2)
    try:
        measure_baseline(count=1)
        assert set(used) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_json_does_not_know_becomes_null() -> None:
    figure = Figure("ratio", "", (1.0, float("inf"), float("nan")))
    path = report("question: how?", [figure], baseline=BASELINE, settings={})
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content["figures"][0]["samples"] == [1.0, None, None]


def test_conclusions_are_printed_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    path = report("question: how?", [], baseline=BASELINE, settings={}, conclusions=["So it is."])
    assert json.loads(path.read_text())["conclusions"] == ["So it is."]
    assert "So it is." in capsys.readouterr().out


def test_no_samples_are_told_and_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert if_any("lips of nobody", "%", []) == []
    assert capsys.readouterr().out == "lips of nobody: none\n"


def test_where_more_is_better_the_low_end_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure("realtime factor", "x", (3.0, 1.0, 2.0), tail_percent=5)
    report("question: how?", [figure], baseline=BASELINE, settings={})
    assert "p5 1.00" in capsys.readouterr().out
