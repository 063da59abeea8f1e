"""Microphone sound to audio features: log-mel and the causal encoder."""
