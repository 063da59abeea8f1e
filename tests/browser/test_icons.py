"""The icons of the buttons tell whether what they are for is on."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

_STANDS_OUT = 60  # grey levels


# Where only the line is that crosses the icon out, of its 24 by 24.
@pytest.mark.parametrize(("button", "place"), [("mute", (6, 6)), ("sound", (18, 12))])
def test_what_is_switched_off_is_crossed_out(
    served_page: Page, button: str, place: tuple[int, int]
) -> None:
    def is_crossed_out() -> bool:
        served_page.mouse.move(0, 0)
        served_page.wait_for_function("document.getAnimations().length === 0")
        icon = Image.open(io.BytesIO(served_page.locator(f"#{button} svg").screenshot()))
        picture = np.asarray(icon.convert("L")).astype(int)
        left, top = place
        return bool(abs(picture[top, left] - picture[0, 0]) > _STANDS_OUT)

    assert not is_crossed_out()
    served_page.click(f"#{button}")
    assert is_crossed_out()
    served_page.click(f"#{button}")
    assert not is_crossed_out()
