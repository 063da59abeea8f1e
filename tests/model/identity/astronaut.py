"""Portraits made of scikit-image's astronaut, which smiles with her teeth out."""

import functools
import io

from PIL import Image
from skimage import data

from model.avatar import DEFAULT_WEIGHTS
from model.identity.identity import Identity, build_identity
from model.motion.space import MotionSpace


def picture() -> Image.Image:
    astronaut = data.astronaut()  # type: ignore[no-untyped-call]
    return Image.fromarray(astronaut).crop((80, 0, 368, 288))


def encode(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@functools.cache
def space() -> MotionSpace:
    return MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")


@functools.cache
def identity() -> Identity:
    return build_identity(encode(picture()), space().template, space().neutralize)
