"""A portrait with its mouth wide open, and what of it is left when the still closes it."""

from dataclasses import replace

import numpy as np
from PIL import ImageDraw

from model.identity.identity import rig_portrait
from model.identity.portrait import read_portrait
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP
from tests.model.frames.motions import opened
from tests.model.identity.astronaut import encode, identity, picture, space


def test_lower_teeth_do_not_stay_on_the_lip_of_a_mouth_that_was_open() -> None:
    portrait = read_portrait(encode(picture()), 512)
    dropped = opened(0.08)[0].numpy() * identity().rig.scale
    landmarks = (portrait.landmarks + dropped).astype(np.float32)
    upper, lower = landmarks[list(UPPER_INNER_LIP), :2], landmarks[list(LOWER_INNER_LIP), :2]
    teeth = lower - 0.1 * (lower - upper)
    image = portrait.image.copy()
    draw = ImageDraw.Draw(image)
    # Teeth as green as nothing else is, below the dark.
    draw.polygon([tuple(p) for p in (*upper, *lower[::-1])], fill=(40, 10, 10))
    draw.polygon([tuple(p) for p in (*teeth, *lower[::-1])], fill=(0, 255, 0))
    own = rig_portrait(
        replace(portrait, image=image, landmarks=landmarks), space().template, space().neutralize
    )
    x, y = own.landmarks[[13, 14], :2].mean(axis=0).round().astype(int)
    around = own.still[y - 12 : y + 13, x - 30 : x + 31].astype(int)
    # 1,623 if lips were not trimmed.
    assert (around[..., 1] - around[..., 0]).clip(0).sum() < 200
