"""Small files of state: a JSON object each, replaced whole or not at all."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.adapters.local.atomic_write import replace_whole

_log = logging.getLogger(__name__)


class JsonFile:
    """A StateFile at `path`, for any number of readers and one writer at a time."""

    def __init__(self, path: Path, *, indent: int | None = None) -> None:
        self.path = path
        self._indent = indent

    def load(self) -> dict[str, Any]:
        """Read the object. Raises OSError, and ValueError where the file is damaged."""
        value = json.loads(self.path.read_bytes())
        if not isinstance(value, dict):
            raise ValueError(f"a JSON object was expected, not {type(value).__name__}")
        return value

    def read(self) -> dict[str, Any] | None:
        """Read the object; None where the file is missing, or damaged, which is logged."""
        try:
            return self.load()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.log_damage(error)
            return None

    def log_damage(self, error: Exception) -> None:
        """Log that the file does not hold what it should, and counts as missing."""
        _log.info("state file passed over path=%s error=%r", self.path, error)

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace the object: after a crash the file is the old one or the new one, whole. Raises OSError."""
        replace_whole(self.path, json.dumps(value, indent=self._indent).encode())

    def delete(self) -> None:
        """Remove the file, where there is one. Raises OSError."""
        self.path.unlink(missing_ok=True)
