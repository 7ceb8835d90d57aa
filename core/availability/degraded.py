"""An answer that the mirror gave, and why."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Degraded:
    """Why the mirror answered, how old it is, and how many images it lacks; None where that is not known."""

    reason: str
    as_of: datetime
    lacking: int | None

    @property
    def notice(self) -> str:
        """The same as a sentence for people."""
        age = _format_age((datetime.now(UTC) - self.as_of).total_seconds())
        lacks = f", which lacks {self.lacking:,} pictures" if self.lacking else ""
        return f"{self.reason}: this is the answer of its mirror of {age} ago{lacks}"


def _format_age(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} seconds"
