"""A process that records until it is killed: ``python -m tests.server.recording_child FOLDER``.

It tells how many milliseconds of media it has handed over, four times faster than they pass.
"""

import asyncio
import sys
from pathlib import Path

from server.config import Config, VideoConfig
from server.metrics import Metrics
from server.outgoing_config import RecordingConfig
from server.recordings import Recordings
from server.sdp import VideoCodec
from tests.server.fakes import SIZE_PX
from tests.server.media import Source


async def record(folder: Path, codec: VideoCodec) -> None:
    """Never returns."""
    config = Config(video=VideoConfig(size_px=SIZE_PX), recording=RecordingConfig(folder=folder))
    recorder = Recordings(config, Metrics()).begin(codec, "call", "nobody", None)
    source = Source(codec)
    while True:
        picture, pts, voice = source.next()
        for data, at in voice:
            recorder.voice.put(data, at)
        recorder.picture.put(picture.data, pts)
        sys.stdout.write(f"{picture.index * 40}\n")
        sys.stdout.flush()
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]), VideoCodec(sys.argv[2])))
