"""The last measurements of recall: a small file of the data folder."""

from collections.abc import Sequence
from pathlib import Path

from core.adapters.local.json_file import JsonFile


class RecallFile:
    """A RecallLog. What cannot be read counts as none."""

    def __init__(self, path: Path) -> None:
        self._file = JsonFile(path)

    def read(self) -> tuple[str, tuple[float, ...]]:
        state = self._file.read()
        if state is None:
            return "", ()
        try:
            samples = tuple(float(sample) for sample in state["samples"])
            if not all(0 <= sample <= 1 for sample in samples):
                raise ValueError("a recall outside of [0, 1]")
            return str(state["fingerprint"]), samples
        except (ValueError, KeyError, TypeError) as error:
            self._file.log_damage(error)
            return "", ()

    def write(self, fingerprint: str, samples: Sequence[float]) -> None:
        """Replace the measurements. Raises OSError."""
        self._file.write({"fingerprint": fingerprint, "samples": [round(sample, 4) for sample in samples]})
