"""How far a portrait's own expression makes way."""

import pytest

from model.motion.expression import share_put_aside


@pytest.mark.parametrize("expression", ["sad", "angry"])
def test_a_contrary_expression_leaves_nothing_of_it_from_half_its_strength_on(
    expression: str,
) -> None:
    shares = [share_put_aside(expression, strength) for strength in (0.0, 0.25, 0.5, 1.0)]
    assert shares == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("expression", ["neutral", "happy", "surprised"])
def test_the_others_leave_it(expression: str) -> None:
    assert share_put_aside(expression, 1.0) == 0.0
