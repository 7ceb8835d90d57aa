"""When a library was last made equal to its sources: a small file beside the index, replaced whole or not at all."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core.atomic_write import replace_whole


class LastRunFile:
    """The end of the last complete run of every source; times are UTC. What cannot be read counts as never."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, ended: datetime, sources: Iterable[str]) -> None:
        """A run over `sources` was complete. Other sources keep their time."""
        self._replace({**self.sources(), **dict.fromkeys(sources, ended)})

    def forget(self, source: str | None = None) -> None:
        """Of one source, or of all."""
        if source is None:
            self._path.unlink(missing_ok=True)
        elif source in (runs := dict(self.sources())):
            del runs[source]
            self._replace(runs)

    def sources(self) -> Mapping[str, datetime]:
        """When each source was last complete."""
        runs: dict[str, datetime] = {}
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            for name, text in json.loads(self._path.read_text())["sources"].items():
                runs[name] = datetime.fromisoformat(text).astimezone(UTC)
        return runs

    def latest(self) -> datetime | None:
        return max(self.sources().values(), default=None)

    def _replace(self, runs: Mapping[str, datetime]) -> None:
        held = {"sources": {name: _text(time) for name, time in sorted(runs.items())}}
        replace_whole(self._path, json.dumps(held, indent=1).encode())


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
