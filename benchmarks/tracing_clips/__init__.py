"""Four clips drawn by hand, so to say: what tracing ought to find again. This much of them needs no Blender."""

NAMES = ("ball", "figure", "head", "leaf")
FRAMES, WIDTH, HEIGHT = 16, 512, 320
