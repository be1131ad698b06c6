"""Which picture files are read. Standard library only: both halves import this module."""

from __future__ import annotations

#: By the ending of their names.
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".tga")
