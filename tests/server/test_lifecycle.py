from itertools import pairwise

import pytest

from server.lifecycle import Phase, TransitionError, advance

LIVES = [
    [Phase.NEW, Phase.CONNECTING, Phase.LIVE, Phase.DRAINING, Phase.CLOSED],
    [Phase.NEW, Phase.CONNECTING, Phase.DRAINING, Phase.CLOSED],
    [Phase.NEW, Phase.CLOSED],
]


@pytest.mark.parametrize("life", LIVES)
def test_lives_a_call_can_have(life: list[Phase]) -> None:
    phase = life[0]
    for following in life[1:]:
        phase = advance(phase, following)
    assert phase is Phase.CLOSED


def test_no_other_step_is_taken() -> None:
    allowed = {pair for life in LIVES for pair in pairwise(life)}
    for before in Phase:
        for after in Phase:
            if (before, after) not in allowed:
                with pytest.raises(TransitionError, match=f"{before.value} cannot become"):
                    advance(before, after)
