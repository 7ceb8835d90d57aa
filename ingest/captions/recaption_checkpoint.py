"""How far a recaptioning is, so that one that was cut off goes on and does nothing twice."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from core.atomic_write import replace_whole
from core.errors import disk_fault


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far a source is: the id of its last image that was dealt with, and how many were."""

    after: str | None = None
    done: int = 0
    complete: bool = False


class RecaptionCheckpoint:
    """A small file in the library's folder. One that cannot be read counts as not begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._what = ""
        self._places: dict[str, SourceProgress] = {}

    def begin(self, what: str) -> bool:
        """Go on with the run that was cut off, if it was of `what`, or begin anew. Return whether it goes on."""
        self._what, self._places = what, {}
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            held = json.loads(self._path.read_text(encoding="utf-8"))
            if held["what"] == what:
                self._places = {source: SourceProgress(**place) for source, place in held["sources"].items()}
        return bool(self._places)

    def get(self, source: str) -> SourceProgress:
        """Return how far a source is."""
        return self._places.get(source, SourceProgress())

    def put(self, source: str, place: SourceProgress) -> None:
        """Write how far a source is, whole or not at all. Raises LibraryError."""
        self._places[source] = place
        held = {"what": self._what, "sources": {name: asdict(place) for name, place in self._places.items()}}
        try:
            replace_whole(self._path, json.dumps(held).encode())
        except OSError as error:
            raise disk_fault(self._path.parent, error) from error

    def clear(self) -> None:
        """Delete the file: everything has been dealt with."""
        self._path.unlink(missing_ok=True)
