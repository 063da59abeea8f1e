"""The seams of the model: what another implementation must offer to take a part's place."""

from typing import Protocol, TypeVar

from torch import Tensor

StateT = TypeVar("StateT")


class AudioEncoder(Protocol[StateT]):
    """Sound to features, one vector per video frame, in step with a live stream.

    Implemented by `model.features.encoder.CausalAudioEncoder`; a wrapped wav2vec 2.0 or Whisper
    takes its place by keeping enough past sound in its state. A state is a dataclass of tensors,
    batch first, so that sessions are stacked with torch.cat along dimension 0.
    """

    @property
    def feature_dim(self) -> int:
        """Numbers per video frame, of mean about 0 and variance about 1."""
        ...

    @property
    def lookahead_frames(self) -> int:
        """Video frames of sound heard after a frame before its features come out."""
        ...

    def initial_state(self, batch: int) -> StateT:
        """The state of `batch` streams that have heard nothing."""
        ...

    def encode(self, samples: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """Hears (B, n * 640) samples at 16 kHz, says (B, n, feature_dim) and the next state.

        Row i describes the video frame `lookahead_frames` before the i-th frame of `samples`.
        Raises ValueError if the samples are not whole frames.
        """
        ...
