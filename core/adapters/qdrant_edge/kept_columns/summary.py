"""What `status` and a run without news ask of a library, counted when its columns are saved: no engine, no array."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.adapters.qdrant_edge.files import read_manifest, read_tally
from core.adapters.qdrant_edge.kept_columns.files import ColumnsManifest, read_columns_manifest
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import (
    CAPTIONED,
    EVERYTHING,
    FAILED,
    INCOMPLETE,
    INDEXED,
    PAIRED,
    UNCAPTIONED,
    UNNAMED,
    UNREAD,
    WITH_TEXT,
    Filter,
)
from core.errors import LibraryError

if TYPE_CHECKING:
    from core.adapters.columns.column_set import ColumnSet

_COUNTED: dict[str, Filter] = {
    "all": EVERYTHING,
    "indexed": INDEXED,
    "failed": FAILED,
    "incomplete": INCOMPLETE,
    "captioned": CAPTIONED,
    "uncaptioned": UNCAPTIONED,
    "with_text": WITH_TEXT,
    "unread": UNREAD,
    "paired": PAIRED,
    "unnamed": UNNAMED,
}
_BY_SOURCE = ("indexed", "failed")
_NAMES = {filter: name for name, filter in _COUNTED.items()}
_MOST = 10_000  # sources


def count_all(columns: "ColumnSet") -> dict[str, int]:
    """Count what passes each of the filters that are counted, by its name."""
    return {name: columns.count(filter) for name, filter in _COUNTED.items()}


def count_sources(columns: "ColumnSet") -> dict[str, dict[str, int]]:
    """Count sources for those filters of which they are counted."""
    found = {name: dict(columns.value_counts("source", _COUNTED[name], _MOST)) for name in _BY_SOURCE}
    return {name: counts for name, counts in found.items() if len(counts) < _MOST}


def read_count(folder: Path, filter: Filter) -> int | None:
    """Read how many images pass; None where that is not counted, or something was written since."""
    match filter:
        case Filter(all=(Match("source", (source,)),), any=(), none=()):
            sources = read_sources(folder, EVERYTHING)
            return None if sources is None else sources.get(source, 0)
    if filter not in _NAMES:
        return None
    found = read_current(folder)
    return None if found is None else found.counts.get(_NAMES[filter])


def read_sources(folder: Path, filter: Filter) -> Mapping[str, int] | None:
    """Read how many images of each source pass; None as `read_count`."""
    found = read_current(folder) if filter in _NAMES else None
    if found is None:
        return None
    if filter == EVERYTHING:
        told = [found.sources.get(name) for name in _BY_SOURCE]  # an image is one or the other
        return None if None in told else sum((Counter(counts) for counts in told), Counter())
    return found.sources.get(_NAMES[filter])


def read_stamp(folder: Path) -> str | None:
    """Read the stamp of a library as it is; None where the engine has to say, as `read_current`."""
    found = read_current(folder)
    return None if found is None else found.stamp


def read_current(folder: Path) -> ColumnsManifest | None:
    """What was kept of the library as it is: the tally is the same before and after, and all is on disk.

    None too where the engine has to look: the shard is gone, or of an earlier version.
    """
    try:
        library, before = read_manifest(folder), read_tally(folder)
        if library.outdated or not (folder / library.shard).is_dir():
            return None
        found = read_columns_manifest(folder)
        known = before.exact and found is not None and found.stamp == before.stamp
        return found if known and read_tally(folder) == before else None
    except (LibraryError, OSError):
        return None
