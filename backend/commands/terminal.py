"""What a run says on a terminal: a progress bar for people, JSON lines for programs."""

from __future__ import annotations

import sys

from tqdm import tqdm

from ..contract import messages


class JsonListener:
    """Print every event as one line of JSON on stdout."""

    def __call__(self, event: messages.Event) -> None:
        """Hear one event."""
        sys.stdout.write(messages.event_line(event))
        sys.stdout.flush()


class TerminalListener:
    """Show a bar with the frames that are finished, and every notice on its own line."""

    def __init__(self, total: int) -> None:
        self._bar = tqdm(total=total, unit="frame", file=sys.stderr, disable=None, leave=False)

    def __call__(self, event: messages.Event) -> None:
        """Hear one event."""
        match event:
            case messages.Stage(_, name):
                self._bar.set_description(name)
            case messages.FrameReady():
                self._bar.update()
            case messages.Notice(_, sentence, frame):
                where = "" if frame is None else f" (frame {frame})"
                self._bar.write(f"Note{where}: {sentence}", file=sys.stderr)
