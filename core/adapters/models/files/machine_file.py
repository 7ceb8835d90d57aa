"""What was found out about models on a machine, kept beside the cache of the hub, which machines may share."""

import hashlib
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.adapters.local.json_file import JsonFile

CHOICES = "bucketlens-runtimes.json"  # what computes, by what was measured
SPEEDS = "bucketlens-speeds.json"


class MachineFile:
    """A file of values by keys, of which each machine sees its own.

    Of two processes that write at once, one may be in vain: what it found out is found out again.
    """

    def __init__(self, name: str) -> None:
        from huggingface_hub import constants

        self._file = JsonFile(Path(constants.HF_HOME) / name, indent=1)

    def read(self, key: str) -> Any:
        """Read the value of a key; None where this machine has none."""
        return self._read_own(self._file.read() or {}).get(key)

    def keep(self, key: str, value: Any) -> None:
        """Keep a value under a key; None removes it. Raises OSError."""
        machines = self._file.read() or {}
        own = self._read_own(machines)
        own.pop(key, None)
        machines[describe_machine()] = own | ({} if value is None else {key: value})
        self._file.path.parent.mkdir(parents=True, exist_ok=True)
        self._file.write(machines)

    def log_damage(self, error: Exception) -> None:
        """Log that a value is not what it should be, and counts as missing."""
        self._file.log_damage(error)

    def _read_own(self, machines: dict[str, Any]) -> dict[str, Any]:
        own = machines.get(describe_machine())
        return own if isinstance(own, dict) else {}


def describe_machine() -> str:
    """Tell this machine from others that share the folder: by its own number or name, its processor and cores."""
    number = ""
    with suppress(OSError):
        number = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    about = (number or platform.node(), _processor(), str(len(_cores())))
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "flags")):
                return line
    return platform.processor() or platform.machine()


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
