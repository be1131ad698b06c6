"""The one error class that people read, shared by both halves."""

from __future__ import annotations


class UserError(Exception):
    """Something a person can understand and mend.

    code: short, stable, lower-case words joined by hyphens, for programs ("job-unreadable").
    sentence: what happened, a whole sentence without jargon, naming the file or setting.
    hint: what to do next, a whole sentence; may be empty.
    bad_input: True when running the same job again cannot help (exit code 2), False when it might (exit code 1).
    """

    def __init__(self, code: str, sentence: str, hint: str = "", *, bad_input: bool = True) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.hint = hint
        self.bad_input = bad_input

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".rstrip()


class Cancelled(Exception):  # noqa: N818 - not an error: the person asked for it
    """The person cancelled; finished frames stay."""
