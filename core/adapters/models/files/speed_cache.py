"""How fast models ran on this machine, kept beside the cache of the hub. Figures of other machines are never told."""

import hashlib
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.adapters.local.json_file import JsonFile
from core.evaluation.speed import Speed

_NAME = "bucketlens-speeds.json"


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """A speed with the day, device and load average it was measured at, and the model's fingerprint."""

    speed: Speed
    fingerprint: str
    device: str
    measured: str
    load: float


def read_speed(role: str, name: str) -> MeasuredSpeed | None:
    """Read what was measured of a model on this machine; None where nothing was."""
    file = JsonFile(_path())
    machines = file.read() or {}
    try:
        kept = machines[describe_machine()][f"{role} {name}"]
        speed = Speed(float(kept["model"]), float(kept["whole"]), int(kept["batch"]))
        return MeasuredSpeed(
            speed, str(kept["fingerprint"]), str(kept["device"]), str(kept["measured"]), float(kept["load"])
        )
    except KeyError:
        return None
    except (TypeError, ValueError) as error:
        file.log_damage(error)
        return None


def keep_speed(role: str, name: str, speed: Speed, fingerprint: str, device: str, load: float) -> MeasuredSpeed:
    """Keep what was measured of a model on this machine. Raises OSError where that cannot be written."""
    measured = MeasuredSpeed(speed, fingerprint, device, datetime.now(UTC).date().isoformat(), load)
    file = JsonFile(_path(), indent=1)
    machines = file.read() or {}
    own = machines.get(describe_machine())
    kept = {
        "model": round(speed.model, 2),
        "whole": round(speed.whole, 2),
        "batch": speed.batch,
        "fingerprint": fingerprint,
        "device": device,
        "measured": measured.measured,
        "load": round(load, 2),
    }
    machines[describe_machine()] = (own if isinstance(own, dict) else {}) | {f"{role} {name}": kept}
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.write(machines)
    return measured


def _path() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / _NAME


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
