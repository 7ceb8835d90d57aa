"""How far a recaptioning is, so that one that was cut off goes on and does nothing twice."""

from dataclasses import asdict, dataclass

from core.errors import disk_fault
from core.ports.local_files import StateFile


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far a source is: the id of its last image that was dealt with, and how many were."""

    after: str | None = None
    done: int = 0
    complete: bool = False


class RecaptionCheckpoint:
    """The progress of all sources, kept in a state file. One that cannot be read counts as not begun."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._what = ""
        self._places: dict[str, SourceProgress] = {}

    def begin(self, what: str) -> bool:
        """Go on with the run that was cut off, if it was of `what`, or begin anew. Return whether it goes on."""
        self._what, self._places = what, {}
        state = self._file.read() or {}
        try:
            if state.get("what") == what:
                self._places = {source: SourceProgress(**place) for source, place in state["sources"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            self._file.log_damage(error)
        return bool(self._places)

    def get(self, source: str) -> SourceProgress:
        """Return how far a source is."""
        return self._places.get(source, SourceProgress())

    def put(self, source: str, place: SourceProgress) -> None:
        """Write how far a source is, whole or not at all. Raises LibraryError."""
        self._places[source] = place
        places = {name: asdict(place) for name, place in self._places.items()}
        try:
            self._file.write({"what": self._what, "sources": places})
        except OSError as error:
            raise disk_fault(self._file.path.parent, error) from error

    def clear(self) -> None:
        """Delete the file: everything has been dealt with."""
        self._file.delete()
