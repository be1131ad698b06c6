"""One person's work on the page: a folder of their own, which goes when they do."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path


class Session:
    """What one open page holds."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="inbetween_page_"))
        self._cancelled = threading.Event()
        self._runs = 0

    def begin(self) -> Path:
        """Return a fresh folder for the next run and forget a cancel that was meant for the last."""
        self._cancelled.clear()
        self._runs += 1
        place = self.folder / f"{self._runs:04d}"
        place.mkdir()
        return place

    def cancel(self) -> None:
        """Stop what runs."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether what runs is to stop."""
        return self._cancelled.is_set()

    def close(self) -> None:
        """Stop what runs and remove everything that was uploaded or made."""
        self.cancel()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All open pages, by the key that the server gives each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def of(self, key: str) -> Session:
        """Return the session with that key; a new one when there is none."""
        with self._lock:
            if key not in self._open:
                self._open[key] = Session()
            return self._open[key]

    def close(self, key: str) -> None:
        """Remove a session that has ended."""
        with self._lock:
            session = self._open.pop(key, None)
        if session:
            session.close()

    def close_all(self) -> None:
        """Remove every session: the server ends."""
        for key in list(self._open):
            self.close(key)
