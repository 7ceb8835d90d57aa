"""When a library was last made equal to its sources: a small file beside the index."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from core.adapters.local.json_file import JsonFile


class LastRunFile:
    """A RunLog: the end of the last complete run of every source, UTC. What cannot be read counts as never."""

    def __init__(self, path: Path) -> None:
        self._file = JsonFile(path, indent=1)

    def write(self, ended: datetime, sources: Iterable[str]) -> None:
        """Record a complete run over `sources`. Other sources keep their time. Raises OSError."""
        self._replace({**self.sources(), **dict.fromkeys(sources, ended)})

    def forget(self, source: str | None = None) -> None:
        """Forget the runs of one source, or of all. Raises OSError."""
        if source is None:
            self._file.delete()
        elif source in (runs := dict(self.sources())):
            del runs[source]
            self._replace(runs)

    def sources(self) -> Mapping[str, datetime]:
        """Read when each source was last complete."""
        runs: dict[str, datetime] = {}
        state = self._file.read()
        if state is None:
            return runs
        try:
            for name, text in state["sources"].items():
                runs[name] = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._file.log_damage(error)
        return runs

    def latest(self) -> datetime | None:
        return max(self.sources().values(), default=None)

    def _replace(self, runs: Mapping[str, datetime]) -> None:
        self._file.write({"sources": {name: _text(time) for name, time in sorted(runs.items())}})


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
