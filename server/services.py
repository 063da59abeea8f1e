"""What everything that animates a face on this server shares."""

from dataclasses import dataclass

from server.avatars import Avatars
from server.config import Config
from server.inference import InferenceThread
from server.metrics import Metrics
from server.portraits import Portraits
from server.recordings import Recordings
from streaming.config import StreamConfig


@dataclass(frozen=True)
class Services:
    """What all calls and performances of a server share."""

    config: Config
    stream: StreamConfig
    inference: InferenceThread
    portraits: Portraits
    avatars: Avatars
    recordings: Recordings
    metrics: Metrics
