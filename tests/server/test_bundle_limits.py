"""How much an offer may bundle: the event loop stands still while it is read."""

import pytest

from server import bundle, sdp
from server.problems import Problem
from tests.server.test_bundle import BUNDLED, HIDDEN, SPOKEN
from tests.server.test_sdp import HEAD


def test_a_description_has_only_so_many_sections() -> None:
    rejected = [f"m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:r{index}\r\n" for index in range(16)]
    assert sdp.check_publisher((HEAD + SPOKEN + "".join(rejected[1:])).encode()).has_audio
    with pytest.raises(Problem, match="found 17 media sections, expected at most 16"):
        sdp.check_publisher((HEAD + SPOKEN + "".join(rejected)).encode())


def test_a_description_has_only_so_many_groups() -> None:
    group = "a=group:BUNDLE 8\r\n"
    assert sdp.check_publisher((BUNDLED + group * 15 + SPOKEN).encode()).has_audio
    with pytest.raises(Problem, match="found 17 BUNDLE groups, expected at most 16"):
        sdp.check_publisher((BUNDLED + group * 16 + SPOKEN).encode())


def test_a_section_that_a_group_names_often_is_changed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []
    is_transport = bundle._is_transport

    def noting(line: str) -> bool:
        looked_at.append(line)
        return is_transport(line)

    monkeypatch.setattr(bundle, "_is_transport", noting)
    once = bundle.spread(BUNDLED + SPOKEN + HIDDEN)
    expected, looked_at = looked_at, []
    many = BUNDLED.replace("BUNDLE 0 1", "BUNDLE 0 1" + " 1 0" * 1000)
    assert bundle.spread(many + SPOKEN + HIDDEN) == once
    assert looked_at == expected
    assert bundle.has_one_transport(many + SPOKEN + HIDDEN)
