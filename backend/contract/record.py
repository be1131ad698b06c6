"""Reading JSON that somebody else wrote: every field is checked, every refusal says which and why.

Standard library only: part of the contract that both halves import.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never, TypeVar

from ..errors import UserError


def read_json(path: Path, max_bytes: int) -> object:
    """Return what the JSON file holds.

    Raises FileNotFoundError, OSError, or ValueError for what is no ordinary file, too large, too deep or not JSON.
    """
    return parse_json(read_bounded(path, max_bytes).decode("utf-8"))


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Return what the file holds. Raises OSError, or ValueError for what is no ordinary file or too large."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no ordinary file")  # a pipe would be read for ever
    with path.open("rb") as stream:
        content = stream.read(max_bytes + 1)  # a file that grows meanwhile does not fill the memory
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes / 2**20:g} MB")
    return content


def parse_json(text: str) -> object:
    """Return what the JSON text holds; ValueError when it is too deep or not JSON."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


_T = TypeVar("_T")
_REQUIRED: Any = object()
_LONGEST_FIELD = 200


class Record:
    """A JSON object that is read field by field; every refusal names the file, the field and the reason.

    raw: what JSON gave. file: how errors call its source. path: where in the source it stands, "" at the top.
    Every method raises UserError("job-invalid") when the field is missing without a default or does not fit.
    """

    def __init__(self, raw: object, file: str, path: str = "") -> None:
        self._file, self._path = file, path
        if not isinstance(raw, dict):
            self._raw: dict[str, Any] = {}
            self._refuse(path or "the file", "must be a JSON object")
        self._raw = raw

    def names(self) -> list[str]:
        return list(self._raw)

    def refuse(self, name: str, reason: str) -> Never:
        self._refuse(self._field(name), reason)

    def _refuse(self, where: str, reason: str) -> Never:
        raise UserError(
            "job-invalid",
            f"In “{self._file}”, {where[:_LONGEST_FIELD]} {reason}.",
            "Generate again from Blender to make a new job.",
        )

    def _field(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _take(self, name: str, default: _T, check: Callable[[Any], bool], reason: str) -> _T:
        if name not in self._raw:
            if default is _REQUIRED:
                self.refuse(name, "is missing")
            return default
        value: _T = self._raw[name]
        if not check(value):
            self.refuse(name, reason)
        return value

    def whole(self, name: str, low: int, high: int, default: int = _REQUIRED) -> int:
        return self._take(name, default, _whole_within(low, high), f"must be a whole number from {low} to {high}")

    def optional_whole(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number or None, which also stands for a missing field."""
        if self._raw.get(name) is None:
            return None
        return self.whole(name, low, high)

    def number(self, name: str, low: float, high: float, default: float = _REQUIRED) -> float:
        fits = _number_within(low, high)
        return float(self._take(name, default, fits, f"must be a number from {low} to {high}"))

    def flag(self, name: str, default: bool = _REQUIRED) -> bool:
        return self._take(name, default, lambda value: isinstance(value, bool), "must be true or false")

    def text(self, name: str, longest: int, default: str = _REQUIRED) -> str:
        def fits(value: object) -> bool:
            return isinstance(value, str) and len(value) <= longest and _encodes(value)

        return self._take(name, default, fits, f"must be a text of at most {longest} characters")

    def path(self, name: str, longest: int) -> str:
        """Return a path of this machine, also one whose name is no text."""

        def fits(value: object) -> bool:
            return isinstance(value, str) and 0 < len(value) <= longest and _is_path(value)

        path: str = self._take(name, _REQUIRED, fits, f"must be a path of at most {longest} characters")
        return path

    def texts(self, name: str) -> dict[str, str]:
        def fits(value: object) -> bool:
            return isinstance(value, dict) and all(
                isinstance(item, str) and _encodes(item) and _encodes(key) for key, item in value.items()
            )

        return dict(self._take(name, {}, fits, "must be a JSON object of texts"))

    def mapping(self, name: str) -> dict[str, Any]:
        return dict(self._take(name, {}, lambda value: isinstance(value, dict), "must be a JSON object"))

    def wholes(self, name: str, low: int, high: int, longest: int, *, required: bool = True) -> tuple[int, ...]:
        fits = _whole_within(low, high)
        values = self._list(name, longest, required=required)
        if not all(fits(value) for value in values):
            self.refuse(name, f"must hold whole numbers from {low} to {high}")
        return tuple(values)

    def numbers(self, name: str, low: float, high: float, longest: int) -> tuple[float, ...]:
        fits = _number_within(low, high)
        values = self._list(name, longest, required=False)
        if not all(fits(value) for value in values):
            self.refuse(name, f"must hold numbers from {low} to {high}")
        return tuple(float(value) for value in values)

    def record(self, name: str) -> Record:
        return Record(self._take(name, {}, lambda _: True, ""), self._file, self._field(name))

    def records(self, name: str, longest: int) -> list[Record]:
        items = self._list(name, longest, required=False)
        return [Record(item, self._file, f"{self._field(name)}[{index}]") for index, item in enumerate(items)]

    def _list(self, name: str, longest: int, *, required: bool) -> list[Any]:
        def fits(value: object) -> bool:
            return isinstance(value, list) and len(value) <= longest

        return self._take(name, _REQUIRED if required else [], fits, f"must be a list of at most {longest} items")


def _whole_within(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number_within(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and low <= value <= high
        and math.isfinite(value)
    )


def _is_path(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _encodes(text: str) -> bool:
    """Tell whether `text` is real Unicode; JSON can smuggle in lone surrogates that no file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
