"""The rates that every part of the model shares, derived once."""

SAMPLE_RATE = 16_000
"""Hz of the mono float32 sound, -1..1, that the model hears."""

FPS = 25
"""Video frames per second."""

SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
"""Audio samples per video frame."""

FRAME_MS = 1000 // FPS
"""Duration of a video frame in milliseconds."""
