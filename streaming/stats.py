"""What a stream counted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamStats:
    """A snapshot of one session. Counts and totals are since the session began.

    Every frame's time slot of 40 ms is one of `on_time_frames`, `late_frames`, `repeated_frames`.
    """

    on_time_frames: int
    """Frames ready when they were due."""
    late_frames: int
    """Frames ready after they were due, and shown in what was left of their slot."""
    repeated_frames: int
    """Slots that passed without a picture of their own: the one before stayed."""
    dropped_frames: int
    """Frames drawn, but not ready before their slot had passed."""
    hops: int
    """Hops handed to the model."""
    skipped_hops: int
    """Hops never handed out, since they were `max_behind_ms` past their time."""
    concealed_ms: float
    """What the model heard in place of sound that had not arrived: made up, or silence. This and
    the next are webrtc-stats' concealedSamples and silentConcealedSamples, one a part of the other.
    """
    silent_concealed_ms: float
    """The part of it that was silence: no sound had come beside it, or too little for its length.
    """
    late_audio_ms: float
    """Sound that arrived after its time to be played."""
    early_audio_ms: float
    """Sound with a time stamp too far in the future to believe."""
    skipped_voice_ms: float
    """Voice not played, since the caller was `max_behind_ms` late to fetch it."""
    av_skew_ms: float
    """Video time minus audio time of the last picture shown, as released; positive: late."""
    playout_delay_ms: float
    """From a sample's arrival to its playout."""
    clock_drift_ppm: float
    """Drift of the microphone's clock; positive: slower than ours."""
    clock_steps: int
    """Corrections of the clock too large to make gradually."""
    resyncs: int
    """Times the microphone's pts were mapped anew, because they had jumped."""
    num_steps: int
    """Denoising steps of the next hop."""
    painted: bool
    """Whether the next hop's mouths are painted, not only warped."""
    halved: bool
    """Whether the next hop's frames are drawn at half their size."""
    draw_every: int
    """1: all frames are drawn, 2: every second one."""
    quality_changes: int
    """Times the governor changed any of them."""
    compute_ms: float
    """What the last hop took to its first frame, or more if later ones took over 40 ms each."""
