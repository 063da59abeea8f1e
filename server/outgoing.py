"""The way out of every picture, live or rendered: from the model's RGB to what encoders take.

It is the only one, so here each is marked as synthetic: no codec, and no caller, can leave it out.
"""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from model.frames.watermark import Watermark
from server.badge import Badge
from server.config import TrustConfig
from server.planes import plane


class OutgoingPictures:
    """Converts and marks the pictures of one video, ``size_px`` a side; one thread at a time.

    ``packed``: they are twice as high, with alpha below (see ``pack``). They get no badge: it would
    be where nothing is opaque.
    """

    def __init__(self, size_px: int, trust: TrustConfig, *, packed: bool = False) -> None:
        self.size_px = size_px
        self._height_px = size_px * (1 + packed)
        self._reformatter = VideoReformatter()
        self._watermark = Watermark(size_px) if trust.watermark else None
        self._badge = Badge(size_px) if trust.badge and not packed else None

    def convert(self, rgb: NDArray[np.uint8], *, refit: bool) -> av.VideoFrame:
        """Return ``rgb`` (height, size_px, 3), marked, as yuv420p in video range (ITU-R BT.601).

        A picture of half that size is enlarged, so that a codec's picture keeps its size.
        ``refit``: fit the watermark's strength to this picture: to the first one and to key frames,
        when encoders spend bits anyway. Raises ValueError for another shape.
        """
        whole = (self._height_px, self.size_px, 3)
        half = (self._height_px // 2, self.size_px // 2, 3)
        if rgb.shape not in (whole, half):
            raise ValueError(f"found a picture of shape {rgb.shape}, expected {whole} or {half}")
        picture = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"),
            width=self.size_px,
            height=self._height_px,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        if self._badge is not None:
            self._badge.draw(picture)
        if self._watermark is not None:
            luma = plane(picture, 0)[: self.size_px]
            if refit:
                self._watermark.fit(luma)
            self._watermark.add(luma)
        return picture
