"""How good the motion is, against real people the model has not seen."""
