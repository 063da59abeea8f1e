"""The visible mark: "AI" on a dark plate in the lower right corner of the picture."""

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from server.planes import plane

_TEXT = "AI"
# Of the picture's side.
_HEIGHT = 1 / 12
_MARGIN = 1 / 32
_PLATE_OPACITY = 0.6
# Video range (ITU-R BT.601).
_BLACK, _WHITE, _NO_COLOR = 16, 235, 128


class Badge:
    """The badge for pictures of ``size_px`` a side, drawn once and laid over each."""

    def __init__(self, size_px: int) -> None:
        height = 2 * round(size_px * _HEIGHT / 2)
        width = 2 * round(height * 0.7) + 2
        last = size_px - 2 * round(size_px * _MARGIN / 2)
        text, plate = _draw(width, height)
        opacity = np.maximum(text, plate * _PLATE_OPACITY)
        # Text over plate: where both are, the text counts.
        luma = np.where(opacity > 0, text * _WHITE + (opacity - text) * _BLACK, 0)
        halved = opacity.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        self._layers = (
            _Layer(last - height, last - width, opacity, luma),
            *[_Layer((last - height) // 2, (last - width) // 2, halved, halved * _NO_COLOR)] * 2,
        )

    def draw(self, picture: VideoFrame) -> None:
        """Lay it over a yuv420p picture in video range, in place."""
        for index, layer in enumerate(self._layers):
            layer.blend(plane(picture, index))


class _Layer:
    """What is laid over one plane: ``light`` is the badge's own, already times its opacity."""

    def __init__(
        self, top: int, left: int, opacity: NDArray[np.float64], light: NDArray[np.float64]
    ) -> None:
        height, width = opacity.shape
        self._where = (slice(top, top + height), slice(left, left + width))
        self._kept = np.rint(256 * (1 - opacity)).astype(np.uint32)
        self._added = np.rint(256 * light).astype(np.uint32) + 128

    def blend(self, pixels: NDArray[np.uint8]) -> None:
        pixels[self._where] = (pixels[self._where] * self._kept + self._added) >> 8


def _draw(width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage 0..1 of the text and of the plate, (height, width) each."""
    plate = Image.new("L", (width, height))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, width - 1, height - 1), height // 5, 255)
    text = Image.new("L", (width, height))
    font = ImageFont.load_default(height * 0.7)
    ImageDraw.Draw(text).text(
        (width / 2, height / 2), _TEXT, 255, font, anchor="mm", stroke_width=height / 40
    )
    return np.asarray(text, np.float64) / 255, np.asarray(plate, np.float64) / 255
