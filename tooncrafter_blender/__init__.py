"""The half that lives inside Blender: from the timeline to a job folder and back."""


def register() -> None:
    """Add the classes to Blender."""


def unregister() -> None:
    """Take the classes out of Blender."""
