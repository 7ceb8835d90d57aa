"""The last measurements of recall: a small file of the data folder, replaced whole or not at all."""

import json
from collections.abc import Sequence
from pathlib import Path

from core.atomic_write import replace_whole


class RecallFile:
    """A RecallLog. What cannot be read counts as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[str, tuple[float, ...]]:
        try:
            held = json.loads(self._path.read_bytes())
            samples = tuple(float(sample) for sample in held["samples"])
            if not all(0 <= sample <= 1 for sample in samples):
                return "", ()
            return str(held["fingerprint"]), samples
        except (OSError, ValueError, KeyError, TypeError):
            return "", ()

    def write(self, fingerprint: str, samples: Sequence[float]) -> None:
        """Raises OSError."""
        held = {"fingerprint": fingerprint, "samples": [round(sample, 4) for sample in samples]}
        replace_whole(self._path, json.dumps(held).encode())
