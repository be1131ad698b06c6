"""Seeded films drawn on twos and threes, with cuts, camera moves and grain, of which every moment is known."""

from .shots import Film, Shot, draw_moment, film_frames, make_film

__all__ = ["Film", "Shot", "draw_moment", "film_frames", "make_film"]
