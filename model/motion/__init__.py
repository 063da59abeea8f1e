"""Audio features to motion: the motion space and the diffusion model over it."""
