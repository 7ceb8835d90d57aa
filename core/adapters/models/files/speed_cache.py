"""How fast models ran on this machine, kept in the cache folder. Figures of other machines are never told."""

from dataclasses import dataclass
from datetime import UTC, datetime

from core.adapters.models.files.machine_file import SPEEDS, MachineFile
from core.evaluation.speed import Speed


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
    file = MachineFile(SPEEDS)
    kept = file.read(f"{role} {name}")
    if kept is None:
        return None
    try:
        speed = Speed(float(kept["model"]), float(kept["whole"]), int(kept["batch"]))
        return MeasuredSpeed(
            speed, str(kept["fingerprint"]), str(kept["device"]), str(kept["measured"]), float(kept["load"])
        )
    except (LookupError, TypeError, ValueError) as error:
        file.log_damage(error)
        return None


def keep_speed(role: str, name: str, speed: Speed, fingerprint: str, device: str, load: float) -> MeasuredSpeed:
    """Keep what was measured of a model on this machine. Raises OSError where that cannot be written."""
    measured = MeasuredSpeed(speed, fingerprint, device, datetime.now(UTC).date().isoformat(), load)
    kept = {
        "model": round(speed.model, 2),
        "whole": round(speed.whole, 2),
        "batch": speed.batch,
        "fingerprint": fingerprint,
        "device": device,
        "measured": measured.measured,
        "load": round(load, 2),
    }
    MachineFile(SPEEDS).keep(f"{role} {name}", kept)
    return measured
