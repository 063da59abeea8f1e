"""The model: identity, features, motion, frames. Knows torch and nothing of networks."""

import os

# ONNX Runtime, from 1.32 on, reports to its makers unless it is told not to before it is imported.
# Nothing of a call may be sent to anyone.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
