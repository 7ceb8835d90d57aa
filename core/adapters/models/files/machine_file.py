"""What was found out about models on a machine, kept in a folder that machines may share."""

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
        self._file = JsonFile(find_cache_folder() / name, indent=1)

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


def find_cache_folder() -> Path:
    """Return where is kept what can be made anew: the folder of BUCKETLENS_CACHE, else that of the hub's cache."""
    if given := os.environ.get("BUCKETLENS_CACHE"):
        return Path(given).expanduser()
    from huggingface_hub import constants

    return Path(constants.HF_HOME)


def describe_machine() -> str:
    """Tell this machine from others that share the folder: by its own number, its processor and cores.

    Its name does not count: that of a container is another one at every start.
    """
    number = ""
    with suppress(OSError):
        number = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    about = (number, _processor(), str(len(_cores())))
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "flags")):
                return line
    return platform.processor() or platform.machine()


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
