"""How far a renewal of captions or of texts is, so that one that was cut off goes on and does nothing twice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TypeVar

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord
from core.errors import Notice, disk_fault
from core.ports.local_files import StateFile
from ingest.pipeline.picture_source import PictureReader
from ingest.pipeline.run_context import RunContext, retry_while_busy
from ingest.telemetry.report import Report

_ALL_SOURCES = 1_000_000

T = TypeVar("T")


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


def renew_sources(
    context: RunContext,
    report: Report,
    checkpoint: RecaptionCheckpoint,
    pictures: PictureReader,
    which: Filter,
    batches: Callable[[Filter, str | None], Iterable[list[tuple[ImageRecord, T]]]],
    write: Callable[[list[tuple[ImageRecord, T]]], None],
) -> Iterator[int]:
    """Renew what is known of images, source by source, from where the checkpoint is. Yields how many were dealt with.

    `batches` reads the images that pass a filter behind an id, and `write` writes what was read of a batch.
    A source that cannot be read is left where it is, for the next time.
    """
    sources = retry_while_busy(lambda: context.index.facet("source", which, limit=_ALL_SOURCES))
    others, complete = 0, True
    for source, _ in sources:
        place = checkpoint.get(source)
        yield others + place.done
        if not place.complete:
            own = which & Filter(all=(Match("source", (source,)),))
            for batch in batches(own, place.after):
                if pictures.get_store_error(source):
                    break
                write(batch)
                place = SourceProgress(batch[-1][0].id, place.done + len(batch))
                checkpoint.put(source, place)
                yield others + place.done
            if context.stop.is_set():
                return
            if trouble := pictures.get_store_error(source):
                after = f"; the same command goes on with {source} where it stopped"
                report.problems.append(Notice.quoting(trouble, after=after))
                complete = False
            else:
                checkpoint.put(source, SourceProgress(place.after, place.done, complete=True))
        others += place.done
    if complete:
        checkpoint.clear()
