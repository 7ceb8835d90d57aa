"""The root of the tree of errors, notices, and how both become messages."""

from collections.abc import Callable

from core.errors.hints import Hint


class BucketLensError(Exception):
    """Root of the tree.

    `reason` says what happened and why, without commands or options. `hint` says what to do next, as data; None where
    there is nothing to do. `str(error)` is both in one sentence. `exit_code` is what a command ends with when nobody
    handles the error.
    """

    exit_code = 1

    def __init__(self, reason: str, hint: Hint | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return message(self)


class Notice(str):
    """A sentence for people that is no error, with a `reason` and a `hint` as errors have them.

    As text it reads as `str(error)` does.
    """

    reason: str
    hint: Hint | None

    def __new__(cls, reason: str, hint: Hint | None = None) -> "Notice":
        notice = super().__new__(cls, _join(reason, None if hint is None else str(hint)))
        notice.reason, notice.hint = reason, hint
        return notice

    @classmethod
    def quoting(cls, error: Exception, before: str = "", after: str = "") -> "Notice":
        """Make a notice of what an error says, within a sentence; the hint of an error of ours stays."""
        if isinstance(error, BucketLensError):
            return cls(f"{before}{error.reason}{after}", error.hint)
        return cls(f"{before}{error}{after}")


def message(told: BucketLensError | str, render: Callable[[Hint], str] = str) -> str:
    """Say an error or a notice in full, its hint as `render` puts it; a plain text is left as it is."""
    if isinstance(told, BucketLensError | Notice):
        return _join(told.reason, None if told.hint is None else render(told.hint))
    return told


def _join(reason: str, advice: str | None) -> str:
    """Make one message of what happened and of what to do next, each of which may have several lines."""
    if advice is None:
        return reason
    return f"{reason}\n{advice}" if "\n" in reason or "\n" in advice else f"{reason}; {advice}"
