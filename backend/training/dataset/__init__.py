"""A dataset for training: films, image sequences and Grease Pencil shots become clips of pictures with an index."""

from .index import ClipEntry, Index, LeftOut, Split, pictures_of, read_index, write_index

__all__ = ["ClipEntry", "Index", "LeftOut", "Split", "pictures_of", "read_index", "write_index"]
