"""The model: identity, features, motion, frames. Knows torch and nothing of networks."""
