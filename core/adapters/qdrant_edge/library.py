"""A library in a folder: an embedded index for every model, and a file that says which of them is in use."""

import hashlib
from pathlib import Path

from core.adapters.local.json_file import JsonFile
from core.adapters.qdrant_edge.files import has_manifest, read_manifest
from core.adapters.qdrant_edge.index import EdgeIndex
from core.errors import LibraryMissing, disk_fault
from core.ports.vector_index import IndexInfo

FIRST = "index"


class FolderLibrary:
    """The IndexVersions of a data folder. An index version's name is that of its index's folder; the first is `index`.

    `edition.json` is replaced whole or not at all. Where there is none, the first index version is in use.
    """

    def __init__(self, data: Path, wait_s: float = 2.0) -> None:
        self._data = data
        self._pointer_file = JsonFile(data / "edition.json")  # the name that 0.1 gave it
        self._wait_s = wait_s

    def open(self, version: str | None = None) -> EdgeIndex:
        folder = self._data / (version or self.current())
        if not EdgeIndex.exists(folder):
            raise LibraryMissing(self._data)
        return EdgeIndex.open(folder, wait_s=self._wait_s)

    def create(self, info: IndexInfo) -> None:
        EdgeIndex.create(self._data / self.current(), info).close()

    def beside(self, info: IndexInfo) -> str:
        held = {known.fingerprint: name for name, known in self.all().items()}
        digest = hashlib.blake2b(info.fingerprint.encode(), digest_size=6).hexdigest()
        name = held.get(info.fingerprint, f"{FIRST}-{digest}")
        EdgeIndex.create(self._data / name, info).close()
        return name

    def all(self) -> dict[str, IndexInfo]:
        folders = [path for path in sorted(self._data.glob(f"{FIRST}*")) if has_manifest(path)]
        return {folder.name: read_manifest(folder).info for folder in folders}

    def current(self) -> str:
        return self._pointer().get("index", FIRST)

    def previous(self) -> str | None:
        return self._pointer().get("previous")

    def use(self, version: str) -> None:
        pointer = {"index": version, "previous": self.current()}
        try:
            self._pointer_file.write(pointer)
        except OSError as error:
            raise disk_fault(self._data, error) from error

    def _pointer(self) -> dict[str, str]:
        """Names of folders alone: nothing leads out of the data folder."""
        pointer = self._pointer_file.read() or {}
        return {key: str(name) for key, name in pointer.items() if Path(str(name)).name == name}
