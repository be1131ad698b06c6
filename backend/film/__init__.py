"""Moving pictures from anywhere, as frames at an even rate, and back into files that players open."""

from .reading import LIST_ENDING, MOVIE_ENDINGS, Film, open_film
from .writing import Sound, check_movie_name, write_movie, write_sound

__all__ = [
    "LIST_ENDING",
    "MOVIE_ENDINGS",
    "Film",
    "Sound",
    "check_movie_name",
    "open_film",
    "write_movie",
    "write_sound",
]
