"""Which pixels of the portrait are the person.

The network is MediaPipe's selfie segmenter (Apache-2.0, see `model/weights/mediapipe`).
"""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

from model.identity.landmarks import MEDIAPIPE_WEIGHTS

_SIZE_PX = 256


def person_mask(image: Image.Image, weights_dir: Path = MEDIAPIPE_WEIGHTS) -> NDArray[np.float32]:
    """Return the probability (256, 256) that a pixel of the square RGB image is the person."""
    path = weights_dir / "selfie_segmenter.tflite"
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} not found in {path.parent}: reinstall likeness")
    network = Interpreter(model_path=str(path), num_threads=1)
    network.allocate_tensors()
    pixels = np.asarray(image.resize((_SIZE_PX, _SIZE_PX), Image.Resampling.BILINEAR), np.float32)
    network.set_tensor(network.get_input_details()[0]["index"], pixels[None] / 255)
    network.invoke()
    mask: NDArray[np.float32] = network.get_tensor(network.get_output_details()[0]["index"])
    return mask[0, :, :, 0].copy()
