"""Who is on the page, and which files are whose: what one person uploads or has drawn, no other person gets."""

from __future__ import annotations

import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Visitor:
    """One browser. folder: for all that is made for it. tabs: its open pages, by the key that each has."""

    token: str
    folder: Path
    uploads: set[Path] = field(default_factory=set)
    tabs: dict[str, Tab] = field(default_factory=dict)
    runs: int = 0


class Tab:
    """One open page, and whether what it draws is to stop."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self._cancelled = threading.Event()

    def begin(self) -> Path:
        """Return a fresh folder for the next run and forget a cancel that was meant for the last."""
        self._cancelled.clear()
        return new_folder(self.visitor)

    def cancel(self) -> None:
        """Stop what runs."""
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Tell whether what runs is to stop."""
        return self._cancelled.is_set()


def new_folder(visitor: Visitor) -> Path:
    """Return a fresh folder of the visitor's."""
    visitor.runs += 1
    place = visitor.folder / f"{visitor.runs:04d}"
    place.mkdir(parents=True)
    return place


class Visitors:
    """Everybody. place: a folder that holds what is made, a folder for each visitor."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._lock = threading.RLock()
        self._known: dict[str, Visitor] = {}
        self._tabs: dict[str, Tab] = {}

    def known(self, token: str) -> Visitor | None:
        """Return who was given that token."""
        with self._lock:
            return self._known.get(token)

    def new(self) -> Visitor:
        """Return a visitor with a token that nobody can guess."""
        token = secrets.token_urlsafe(24)
        visitor = Visitor(token, self._place / secrets.token_hex(16))
        with self._lock:
            self._known[token] = visitor
        return visitor

    def tab(self, key: str, visitor: Visitor) -> Tab | None:
        """Return the visitor's open page of that key, from now on theirs; None when it is somebody else's."""
        with self._lock:
            tab = self._tabs.setdefault(key, Tab(visitor))
            if tab.visitor is not visitor:
                return None
            visitor.tabs[key] = tab
            return tab

    def of_tab(self, key: str) -> Tab:
        """Return the open page of that key. Raises KeyError."""
        with self._lock:
            return self._tabs[key]

    def has_uploaded(self, visitor: Visitor, path: Path) -> None:
        """Note whose a file is."""
        with self._lock:
            visitor.uploads.add(path)

    def left(self, key: str) -> None:
        """Stop what a closed page drew; with a visitor's last page goes all that is theirs."""
        with self._lock:
            tab = self._tabs.pop(key, None)
            if tab is None:
                return
            tab.cancel()
            visitor = tab.visitor
            visitor.tabs.pop(key, None)
            if visitor.tabs:
                return
            others = {path for other in self._known.values() if other is not visitor for path in other.uploads}
            for path in visitor.uploads - others:
                path.unlink(missing_ok=True)
            visitor.uploads.clear()
        shutil.rmtree(visitor.folder, ignore_errors=True)
