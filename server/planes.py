"""The pixels of a coded picture's planes, for numpy."""

from typing import cast

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray


def plane(picture: VideoFrame, index: int) -> NDArray[np.uint8]:
    """Plane ``index`` of a picture of 8 bits a sample, (height, width): a view, to write too."""
    found = picture.planes[index]
    # It is a buffer, though its types do not say so.
    samples = np.frombuffer(cast("memoryview[int]", found), np.uint8)
    return samples.reshape(found.height, found.line_size)[:, : found.width]
