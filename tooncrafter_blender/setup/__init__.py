"""The drawing engine's own environment and the model's weights: found, installed, repaired, reported."""
