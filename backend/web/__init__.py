"""The page for those without Blender: two pictures, a guide drawn over them, in-betweens to play and keep."""

from .serving import serve

__all__ = ["serve"]
