"""All training programs behind one command: `python -m model.train STEP ...`, in this order."""

import argparse
import importlib
import sys

STEPS = {
    "track": "find the 478 landmarks in every clip and portrait",
    "motion_space": "write every clip as motion; or learn anew what moves",
    "encoder": "distil the audio encoder from a phoneme recognizer",
    "other_voices": "let synthetic voices say what the clips say, in step with them",
    "phone_lips": "give lips to synthetic voices, from what filmed people's do for each phone",
    "lips_lag": "tell how late the lips of each source are, its phones' times being what they are",
    "motion_features": "let the audio encoder hear every clip",
    "motion": "train the mouth regressor, and the denoiser of all else",
    "mocap": "by that regressor, captured lips; then motion_features and motion --mouth again",
    "contact_probe": "learn to tell from the features where lips meet",
    "voice_probe": "learn to tell from the features whether anybody speaks",
    "export": "compile the networks of every hop, for the server to run",
    "frame_data": "warp frames of every clip to its others, beside the truth",
    "frames": "train the frame denoiser",
}


def main() -> None:
    """Run one step; what follows its name is its own."""
    parser = argparse.ArgumentParser(
        prog="python -m model.train",
        description=__doc__,
        epilog="\n".join(f"{name:16} {what}" for name, what in STEPS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("step", choices=STEPS)
    step = parser.parse_args(sys.argv[1:2]).step
    # Not run under the name of "__main__": its worker processes could not find its functions there.
    sys.argv = [f"python -m model.train {step}", *sys.argv[2:]]
    importlib.import_module(f"model.train.{step}").main()


if __name__ == "__main__":
    main()
