"""Motion to frames: the rig, the warp and the painted mouth."""
