"""Where words go, and what becomes of the work when whoever read them has gone, such as `head` after its lines."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import Unheard, UserError


class Outlet(io.TextIOWrapper):
    """A stream of text whose writers are told, once, that nobody reads it any more: by `Unheard`.

    An ordinary stream raises an OSError, which whoever draws would take for a fault of the job's disk, and raises
    it again at the end of the program. One that cannot be written for another reason raises a UserError.
    """

    def write(self, text: str) -> int:
        """Write as any stream does."""
        with self._heard():
            return super().write(text)

    def flush(self) -> None:
        """Flush as any stream does."""
        with self._heard():
            super().flush()

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)  # for what waits in the buffer and all that follows
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if _is_closed_pipe(error):
                raise Unheard from error
            raise UserError(
                "output-refused",
                f"What this command says could not be written: {error.strerror or error}.",
                "Let it write to another place. Finished drawings are kept.",
                bad_input=False,
            ) from error


def _is_closed_pipe(error: OSError) -> bool:
    return error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)


def open_outlets() -> None:
    """Have this program's words go through outlets; any file name can be said whatever the console's code page."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and type(stream) is io.TextIOWrapper:
            setattr(sys, name, _outlet(stream))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _outlet(stream: io.TextIOWrapper) -> Outlet:
    stream.flush()
    return Outlet(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
