"""Whether the files of a model are what was fetched or recorded, and hold data alone: no pickle and no code."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from core.adapters.models.files.file_formats import check_inside, check_onnx, check_safetensors
from core.adapters.models.files.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    hash_file,
    hash_git_blob,
    list_files,
    read_manifest,
)
from core.adapters.models.files.snapshot import CONVERTED
from core.adapters.models.onnx.external_data import read_external_data
from core.domain.model_catalog import ModelCard
from core.domain.model_catalog.card import SHARDS_INDEX

FileState = Literal["ok", "changed", "missing", "forbidden"]

_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"}
_OTHERS = {".h5", ".hdf5", ".keras", ".msgpack", ".ot", ".npz"}
_WEIGHTS = (".safetensors", ".onnx", SHARDS_INDEX)
_CODE = {".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".ps1", ".js", ".jar", ".wasm"}
_LOADED = {".json", ".txt", ".safetensors", ".onnx", ".model"}  # what a model library may read, if it lies there
_MAGIC = {
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PK\x03\x04": "an archive, such as torch's pickles are",
    b"\x7fELF": "a program",
    b"#!": "a script",
}
_JSON_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class FileReport:
    """What is to be said of one file; `detail` why it is not ok, or what was not looked at."""

    path: str
    state: FileState
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The files of one model's folder. `recorded`: by what their bytes were compared, None where by nothing."""

    folder: Path
    recorded: str | None
    files: tuple[FileReport, ...]

    @property
    def sound(self) -> bool:
        return all(file.state == "ok" for file in self.files)


def verify(folder: Path, card: ModelCard | None = None) -> Verification:
    """Verify every file of a model's folder. Raises OSError where the folder itself cannot be read."""
    given, folder = folder, folder.absolute()
    try:
        manifest, damage = read_manifest(folder), None
    except (ValueError, OSError) as error:
        manifest, damage = None, FileReport(MANIFEST, "changed", str(error))
    paths = list_files(folder)
    external = _list_external_data(folder, paths)
    reports = [_report(folder, path, manifest, external) for path in paths]
    there = {report.path for report in reports}
    recorded = manifest.files if manifest else {}
    needed = _list_needed(folder, card, there) if not manifest else ()
    for path in sorted({*recorded, *needed} - there):
        reports.append(FileReport(path, "missing", "it is not there"))
    if damage:
        reports.append(damage)
    by = f"what was recorded on {manifest.recorded}" if manifest else _name_blobs(folder, paths)
    if not paths or (by is None and not any(report.path.endswith(_WEIGHTS) for report in reports)):
        reports.append(FileReport("model.safetensors", "missing", "it holds no weights in safetensors or ONNX"))
    return Verification(given, by, tuple(sorted(reports, key=lambda report: report.path)))


def find_forbidden(path: str) -> str | None:
    """Say what is forbidden about a file of this name; None where nothing is."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _PICKLES:
        return "a pickle, and loading one can run code"
    if suffix in _OTHERS:
        return "in a format other than safetensors and ONNX"
    return "code" if suffix in _CODE else None


def find_remote_code(path: Path) -> str | None:
    """Say by what a configuration asks to run code of its repository; None where it does not, or is no JSON."""
    try:
        if path.stat().st_size > _JSON_BYTES:
            return None
        value: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if path.name == "modules.json" and isinstance(value, list):
        kinds = [str(module.get("type")) for module in value if isinstance(module, dict)]
        return next((f"type {kind!r}" for kind in kinds if not kind.startswith("sentence_transformers.")), None)
    return "auto_map" if _holds(value, "auto_map") else None


def _report(folder: Path, path: Path, manifest: Manifest | None, external: set[Path]) -> FileReport:
    name = path.relative_to(folder).as_posix()
    if reason := _find_escape(folder, path):
        return FileReport(name, "forbidden", reason)
    if not path.exists():
        return FileReport(name, "missing", "it is a link to a file that is not there")
    try:
        if path not in external and (reason := find_forbidden(name) or _find_magic(path)):
            return FileReport(name, "forbidden", f"it is {reason}")
        if path.suffix == ".json" and (code := find_remote_code(path)):
            return FileReport(name, "forbidden", f"it asks to run code of its repository ({code})")
        if reason := _find_bad_reference(path):
            return FileReport(name, "forbidden", reason)
        if reason := _find_difference(path, name, manifest):
            return FileReport(name, "changed", reason)
        if reason := _find_damage(path):
            return FileReport(name, "changed", reason)
    except OSError as error:
        return FileReport(name, "changed", f"it cannot be read: {error.strerror or error}")
    return FileReport(name, "ok")


def _find_escape(folder: Path, path: Path) -> str | None:
    """Say where a link leads, if that is outside; files of a snapshot are links into the hub's cache."""
    if not path.is_symlink() and path.parent.resolve().is_relative_to(folder.resolve()):
        return None
    allowed = folder.parents[2] if folder.parent.name == "snapshots" and len(folder.parents) > 2 else None
    target = path.resolve()
    if allowed is not None and target.is_relative_to(allowed.resolve()):
        return None
    return f"it is a link to {target}" if path.is_symlink() else f"its folder is a link to {target.parent}"


def _find_magic(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4)
    return next((what for magic, what in _MAGIC.items() if head.startswith(magic)), None)


def _find_bad_reference(path: Path) -> str | None:
    """Say which file outside of its folder a file refers to."""
    try:
        if path.name.endswith(SHARDS_INDEX):
            for shard in set(json.loads(path.read_bytes())["weight_map"].values()):
                check_inside(str(shard))
        elif path.name == "modules.json":
            for module in json.loads(path.read_bytes()):
                if module["path"]:
                    check_inside(str(module["path"]))
    except ValueError as error:
        return None if isinstance(error, json.JSONDecodeError) else str(error)
    except (LookupError, TypeError, AttributeError):
        return None
    if path.suffix == ".onnx":
        try:
            locations = {data.location for data in read_external_data(path)}
        except ValueError:
            return None  # told as damage
        try:
            for location in locations:
                check_inside(location)
        except ValueError as error:
            return str(error)
    return None


def _find_difference(path: Path, name: str, manifest: Manifest | None) -> str | None:
    """Say how the bytes differ from those on record, or from those that the cache's own name of them tells."""
    if manifest is not None:
        record = manifest.files.get(name)
        if record is None:
            return "it was not there when the files were recorded" if path.suffix.lower() in _LOADED else None
        return _compare(path, record)
    digest = path.resolve().name if path.is_symlink() else ""
    if len(digest) == 64 and hash_file(path) != digest:
        return "its bytes are not those that were fetched"
    if len(digest) == 40 and hash_git_blob(path) != digest:
        return "its bytes are not those that were fetched"
    return None


def _compare(path: Path, record: FileRecord) -> str | None:
    size = path.stat().st_size
    if size != record.size:
        return f"it has {size:,} bytes, and {record.size:,} were recorded"
    return None if hash_file(path) == record.sha256 else "its bytes are others than were recorded"


def _find_damage(path: Path) -> str | None:
    try:
        if path.suffix == ".safetensors":
            check_safetensors(path)
        elif path.suffix == ".onnx":
            check_onnx(path)
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return str(error) if path.suffix != ".json" else f"it is no JSON: {error}"
    return None


def _list_external_data(folder: Path, paths: list[Path]) -> set[Path]:
    """List the data files of ONNX models, which hold bare numbers under any name."""
    found: set[Path] = set()
    for path in paths:
        if path.suffix == ".onnx" and path.is_file():
            try:
                found |= {path.parent / data.location for data in read_external_data(path)}
            except (ValueError, OSError):
                continue
    return found


def _list_needed(folder: Path, card: ModelCard | None, there: set[str]) -> list[str]:
    """List what a model has to have: by its entry in the table, and the shards that its index names."""
    needed = list(card.required) if card else []
    if card and card.pickled:
        needed = [CONVERTED if path == card.weights else path for path in needed]
    for name in there:
        if name.endswith(SHARDS_INDEX):
            try:
                shards = set(json.loads((folder / name).read_bytes())["weight_map"].values())
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                continue
            needed += [(PurePosixPath(name).parent / str(shard)).as_posix() for shard in shards]
    return needed


def _name_blobs(folder: Path, paths: list[Path]) -> str | None:
    hashed = [path for path in paths if path.is_symlink() and len(path.resolve().name) in (40, 64)]
    return "the hashes of the hub" if hashed and folder.parent.name == "snapshots" else None


def _holds(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return bool(value.get(key)) or any(_holds(below, key) for below in value.values() if isinstance(below, dict))
    return False
