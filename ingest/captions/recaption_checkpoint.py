"""Where a renewal of captions is, so that one that was cut off goes on and does nothing twice."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from core.atomic_write import replace_whole
from core.errors import disk_fault


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far a source is: the id of its last image that was dealt with, and how many those are."""

    after: str | None = None
    done: int = 0
    complete: bool = False


class RecaptionCheckpoint:
    """A small file in the library's folder. What cannot be read counts as not begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._what = ""
        self._places: dict[str, SourceProgress] = {}

    def begin(self, what: str) -> bool:
        """Take up the renewal that was cut off, if it was of `what`; else begin anew. Returns whether it goes on."""
        self._what, self._places = what, {}
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            held = json.loads(self._path.read_text(encoding="utf-8"))
            if held["what"] == what:
                self._places = {source: SourceProgress(**place) for source, place in held["sources"].items()}
        return bool(self._places)

    def get(self, source: str) -> SourceProgress:
        return self._places.get(source, SourceProgress())

    def put(self, source: str, place: SourceProgress) -> None:
        """Whole or not at all. Raises LibraryError."""
        self._places[source] = place
        held = {"what": self._what, "sources": {name: asdict(place) for name, place in self._places.items()}}
        try:
            replace_whole(self._path, json.dumps(held).encode())
        except OSError as error:
            raise disk_fault(self._path.parent, error) from error

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
