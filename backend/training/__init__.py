"""Training: a dataset from a show's films, three stages of toon rectification, weights in the engine's own format.

Nothing here is imported by an engine; `commands/training.py` holds the face of it.
"""
