"""The one error class that people read, shared by both halves."""

from __future__ import annotations

#: What is said is never longer: names in damaged files can have any length, and a message line has to hold it.
LONGEST_TEXT = 4000


def presentable(text: str) -> str:
    """Return `text` as it can be shown, stored and sent: real Unicode, at most `LONGEST_TEXT` characters.

    File names that are no text arrive with lone surrogates, which no file and no message can hold.
    """
    shown = text[: LONGEST_TEXT + 1].encode("utf-8", "backslashreplace").decode("utf-8")
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"


def first_line(error: BaseException) -> str:
    """Return what an error says in its first line, without a full stop; its kind when it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")


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
        self.sentence = presentable(sentence)
        self.hint = presentable(hint)
        self.bad_input = bad_input

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".rstrip()


class Cancelled(Exception):  # noqa: N818 - not an error: the person asked for it
    """The person cancelled; finished frames stay."""


class Unheard(Cancelled):
    """Whoever read what this program says has gone, which ends the work as a person would."""
