"""The manifest of a mirror's generation: what it holds, and the sizes and digests of its files."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import LibraryError, MirrorDamaged
from core.errors.hints import Advice
from core.ports.mirror import MirrorSummary
from core.ports.vector_index import IndexInfo
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

FORMAT = 2  # 2: words are weighed as the question says, and pairs of them
MANIFEST = "manifest.json"
NAME_ORDER = "name_order.npy"  # rows counted through all segments, as columns.schema.NAME_ORDER has them


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment of a generation: the name of its folder, its rows, and how many of them live."""

    name: str
    rows: int
    live: int

    @property
    def mask(self) -> str | None:
        """The file that holds which rows live; None where all do."""
        return None if self.live == self.rows else f"live-{self.name}.npy"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The size of a file in bytes, and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds. `created_at` is when its build began, UTC; `version` is that of its latest write.

    An `imported` one belongs to another library than the one beside it: the versions of the two cannot be compared.
    `analyser` and `scoring` are the versions of its words and of their weights.
    """

    name: str
    info: IndexInfo
    created_at: datetime
    points: int
    version: int
    storage: str
    segments: tuple[SegmentEntry, ...]
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    imported: bool = False
    analyser: int = ANALYSER_VERSION
    scoring: int = SCORING_VERSION

    @property
    def outdated(self) -> bool:
        """Whether its words are of other versions than this program's."""
        return (self.analyser, self.scoring) != (ANALYSER_VERSION, SCORING_VERSION)

    @property
    def summary(self) -> MirrorSummary:
        return MirrorSummary(self.name, self.points, len(self.segments), self.storage)

    def encode(self) -> bytes:
        """Serialise the manifest as JSON, with a digest of its own."""
        content = asdict(self) | {"created_at": self.created_at.isoformat(), "format": FORMAT}
        return json.dumps(content | {"sha256": _digest(content)}, indent=1).encode()


def read_manifest(generation: Path) -> tuple[Manifest, str]:
    """Read a generation's manifest, and the SHA-256 of its file.

    Raises MirrorDamaged, and LibraryError for one made by a later version.
    """
    try:
        raw = (generation / MANIFEST).read_bytes()
    except OSError as error:
        raise MirrorDamaged(generation, f"{MANIFEST} cannot be read: {error!r}") from error
    manifest = decode_manifest(raw, generation)
    if manifest.name != generation.name:
        raise MirrorDamaged(generation, f"{MANIFEST} is not what was written")
    return manifest, hashlib.sha256(raw).hexdigest()


def decode_manifest(raw: bytes, place: Path) -> Manifest:
    """Parse a manifest that was found at `place`.

    Raises MirrorDamaged, and LibraryError for one made by a later version.
    """
    try:
        content = json.loads(raw)
        digest = content.pop("sha256")
        if content["format"] > FORMAT:
            raise LibraryError(f"{place} was made by a newer BucketLens", Advice("update BucketLens to open it"))
        if digest != _digest(content):
            raise MirrorDamaged(place, f"{MANIFEST} is not what was written")
        return Manifest(
            content["name"],
            IndexInfo(**content["info"]),
            datetime.fromisoformat(content["created_at"]),
            content["points"],
            content["version"],
            content["storage"],
            tuple(SegmentEntry(**each) for each in content["segments"]),
            {name: FileEntry(**each) for name, each in content["files"].items()},
            bool(content.get("imported")),
            int(content.get("analyser", 1)),
            int(content.get("scoring", 1)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MirrorDamaged(place, f"{MANIFEST} cannot be read: {error!r}") from error


def digest_of(path: Path) -> FileEntry:
    """Compute the entry of a file. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(file.seek(0, os.SEEK_END), digest)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
