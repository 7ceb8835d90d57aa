"""Which runtime was the fastest for a model on this machine, kept in the cache folder."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from core.adapters.models.files.machine_file import CHOICES, MachineFile

_PACKAGES = ("torch", "transformers", "onnx", "onnxruntime", "openvino")


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime that won, with what all that were tried took and how near their vectors were to torch's float32.

    `milliseconds` is of a picture: of CPU for all cores together, or by the clock on another device.
    """

    runtime: str
    milliseconds: dict[str, float]
    cosines: dict[str, float]
    refused: dict[str, str]
    versions: str
    measured: str

    @property
    def is_current(self) -> bool:
        """Whether the same packages would be tried today."""
        return self.versions == read_versions()


def make_choice(
    runtime: str, milliseconds: dict[str, float], cosines: dict[str, float], refused: dict[str, str]
) -> Choice:
    """Make the choice of today, with today's packages."""
    return Choice(runtime, milliseconds, cosines, refused, read_versions(), datetime.now(UTC).date().isoformat())


def read_choice(fingerprint: str, device: str, precision: str) -> Choice | None:
    """Read what was chosen for a model on this machine; None where nothing was measured."""
    file = MachineFile(CHOICES)
    kept = file.read(_key(fingerprint, device, precision))
    if kept is None:
        return None
    try:
        return Choice(
            str(kept["runtime"]),
            {str(name): float(value) for name, value in kept["milliseconds"].items()},
            {str(name): float(value) for name, value in kept["cosines"].items()},
            {str(name): str(value) for name, value in kept["refused"].items()},
            str(kept["versions"]),
            str(kept["measured"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        file.log_damage(error)
        return None


def keep_choice(fingerprint: str, device: str, precision: str, choice: Choice) -> None:
    """Keep what was chosen for a model on this machine. Raises OSError."""
    kept = {
        "runtime": choice.runtime,
        "milliseconds": {name: round(value, 2) for name, value in choice.milliseconds.items()},
        "cosines": {name: round(value, 6) for name, value in choice.cosines.items()},
        "refused": choice.refused,
        "versions": choice.versions,
        "measured": choice.measured,
    }
    MachineFile(CHOICES).keep(_key(fingerprint, device, precision), kept)


def read_versions() -> str:
    """Tell the versions of the packages that compute, as far as they are installed."""
    return ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _read_version(name)))


def _read_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _key(fingerprint: str, device: str, precision: str) -> str:
    return f"{fingerprint} {device} {precision}"
