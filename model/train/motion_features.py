"""Hear every talking clip: `python -m model.train.motion_features DATA RUNS`.

Writes `RUNS/features/<clip id>.npy` (V, L, D) float16: what the audio encoder says of each
video frame, for the sound as it is, for changed ones (other pitch, rooms, noise, levels) and for
what other voices made of it (`model.train.other_voices`), so that the mouth regressor does not
learn one voice. `spoken-<number>.npy` (2, L, D) is what it says of voices that nobody filmed
(`model.train.phone_lips`), as they are and changed, `mocap-<take>-<piece>.npy` of the captured
speaker; `idle.npy` (L, D) where nobody speaks.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from model.features.encoder import SUBFRAMES, CausalAudioEncoder, load_encoder
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.train.encoder_augment import Augmenter
from model.train.encoder_batches import PCM_SCALE
from model.train.motion_data import CAPTURED, SPOKEN, usable_clips
from model.train.provenance import AUDIO_ENCODER, begin_features, sign_features
from model.train.recording import decode_audio

NUM_CHANGED = 2
PITCH_RANGE = (0.78, 1.35)
IDLE_S = 600
IDLE_PIECE_S = 20
BABBLE_S = 60


def at_other_pitch(
    sound: NDArray[np.float32], ratio: float, tempo: float = 1.0
) -> NDArray[np.float32]:
    """Move pitch and formants of sound (samples,) by `ratio`, and say it `tempo` times as fast."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=SAMPLE_RATE, format="flt", layout="mono", time_base=Fraction(1, SAMPLE_RATE)
    )
    steps = [
        graph.add("asetrate", f"{round(SAMPLE_RATE * ratio)}"),
        graph.add("aresample", f"{SAMPLE_RATE}"),
        graph.add("atempo", f"{tempo / ratio:.5f}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(source, *steps).configure()
    frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    pieces = []
    while True:
        try:
            pulled = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            break
        pieces.append(pulled.to_ndarray()[0])
    length = round(len(sound) / tempo)
    changed = np.concatenate(pieces)[:length].astype(np.float32)
    return np.pad(changed, (0, length - len(changed)))


@torch.inference_mode()
def hear(
    encoder: CausalAudioEncoder, sounds: NDArray[np.float32], frames: int
) -> NDArray[np.float16]:
    """Features (V, frames, D) of sounds (V, samples), each row in step with its video frame."""
    length = (frames + encoder.lookahead_frames) * SAMPLES_PER_FRAME
    padded = np.pad(sounds[:, :length], ((0, 0), (0, max(0, length - sounds.shape[1]))))
    features, _ = encoder.encode(torch.from_numpy(padded), encoder.initial_state(len(padded)))
    return features[:, encoder.lookahead_frames :].numpy().astype(np.float16)


def hear_as(
    encoder: CausalAudioEncoder, sound: NDArray[np.float32], times_s: NDArray[np.float64]
) -> NDArray[np.float16]:
    """Features (frames, D) of a reading whose moments `times_s` (frames,) are the video frames'."""
    frames = int(times_s[-1] * FPS) + 2
    told = hear(encoder, sound[None], frames)[0]
    rows = told.reshape(frames * SUBFRAMES, -1)  # (every 20 ms, subvector_dim)
    first = np.rint(times_s * FPS * SUBFRAMES).astype(int)
    # The second half of a frame is what the other voice says halfway to its next moment.
    halfway = (times_s + np.append(times_s[1:], times_s[-1] + 1 / FPS)) / 2
    second = np.rint(halfway * FPS * SUBFRAMES).astype(int)
    last = len(rows) - 1
    return np.concatenate([rows[first.clip(0, last)], rows[second.clip(0, last)]], axis=1)


def other_readings(
    encoder: CausalAudioEncoder, path: Path, augment: Augmenter
) -> list[NDArray[np.float16]]:
    """Features (frames, D) of each reading of a clip by another voice; none if there is no file."""
    if not path.exists():
        return []
    with np.load(path) as arrays:
        readings = [
            (arrays[f"sound_{i}"].astype(np.float32), arrays[f"times_{i}"])
            for i in range(len(arrays) // 2)
        ]
    return [hear_as(encoder, augment(sound), times_s) for sound, times_s in readings]


def main() -> None:
    """Encode all clips with sound whose synchrony is certain, and idle sound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--encoder", type=Path, default=AUDIO_ENCODER)
    args = parser.parse_args()
    torch.set_num_threads(1)
    encoder = load_encoder(args.encoder)
    out = args.runs / "features"
    begin_features(out)
    clips_csv = args.data / "clips.csv"
    rows = usable_clips(clips_csv, "train")
    rng = np.random.default_rng(0)
    voices = [decode_audio(args.data / "clips" / f"{row['id']}.mp4") for row in rows]
    babble = np.concatenate([voices[i] for i in rng.permutation(len(voices))[:100]])
    augment = Augmenter(rng, babble[: BABBLE_S * SAMPLE_RATE])
    for row, sound in zip(rows, voices, strict=True):
        changed = [
            augment(at_other_pitch(sound, float(rng.uniform(*PITCH_RANGE))))
            for _ in range(NUM_CHANGED)
        ]
        sounds = np.stack([sound, *changed]).astype(np.float32)
        heard = hear(encoder, sounds, int(row["frames"]))
        others = other_readings(encoder, args.runs / "voices" / f"{row['id']}.npz", augment)
        np.save(out / f"{row['id']}.npy", np.stack([*heard, *others]))
    for row in usable_clips(clips_csv, "val"):
        sound = decode_audio(args.data / "clips" / f"{row['id']}.mp4")
        np.save(out / f"{row['id']}.npy", hear(encoder, sound[None], int(row["frames"])))
    for path in sorted(p for name in (SPOKEN, CAPTURED) for p in (args.runs / name).glob("*.npz")):
        with np.load(path) as arrays:
            sound, frames = (arrays["sound"] * PCM_SCALE).astype(np.float32), len(arrays["mouth"])
        sounds = np.stack([sound, augment(sound)])
        np.save(out / f"{path.parent.name}-{path.stem}.npy", hear(encoder, sounds, frames))
    pieces = [
        augment.capture(augment.noise(IDLE_PIECE_S * SAMPLE_RATE).astype(np.float32))
        if i % 4
        else np.zeros(IDLE_PIECE_S * SAMPLE_RATE, np.float32)
        for i in range(IDLE_S // IDLE_PIECE_S)
    ]
    idle = hear(encoder, np.concatenate(pieces)[None], IDLE_S * SAMPLE_RATE // SAMPLES_PER_FRAME)
    np.save(out / "idle.npy", idle[0])
    sign_features(out, args.encoder)


if __name__ == "__main__":
    main()
