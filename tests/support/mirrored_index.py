"""A library whose questions are answered by its mirror, which is built anew after every write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.faiss_mirror.vectors import Storage
from core.adapters.index_base.point_codec import caption_payload, dense_vectors, point_payload
from core.availability.delegating_index import DelegatingIndex
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRef
from core.ports.vector_index import CaptionUpdate, IndexInfo, PlaceUpdate, Point, SearchableIndex, TextUpdate
from tests.support.fakes import MemoryIndex

_ROWS = 7  # in a segment, so that small libraries have several


class MirroredIndex(DelegatingIndex):
    """Writes into memory, reads from a mirror. A VectorIndex, which takes what every index takes."""

    def __init__(self, folder: Path, info: IndexInfo, storage: Storage = "float32") -> None:
        self.library = MemoryIndex(info)
        self.mirror = FaissMirror(folder, threads=2)
        super().__init__(self.mirror)
        self._folder = folder
        self._storage = storage
        self._stale = True

    def upsert(self, points: Sequence[Point]) -> None:
        for point in points:
            point_payload(point)
            dense_vectors(point, self.library.info.dimension)
        self._write("upsert", points)

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        for update in captions:
            caption_payload(update)
        self._write("set_captions", captions)

    def set_texts(self, texts: Sequence[TextUpdate]) -> None:
        self._write("set_texts", texts)

    def set_places(self, places: Sequence[PlaceUpdate]) -> None:
        self._write("set_places", places)

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        self._write("set_refs", refs)

    def delete(self, ids: Sequence[str]) -> None:
        self._write("delete", ids)

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        return self.library.fields(ids, names)

    def stamp(self) -> str | None:
        return self.library.stamp()

    def ids(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[str]:
        return self.library.ids(filter, after=after, limit=limit)

    def versions(self) -> Iterator[tuple[str, int]]:
        return self.library.versions()

    def optimize(self) -> None:
        """A mirror has no need of it."""

    def close(self) -> None:
        self.mirror.close()

    @contextmanager
    def _calling(self) -> Iterator[SearchableIndex]:
        if self._stale:
            build(self.library, MirrorFolder(self._folder), self._storage, rows=_ROWS)
            self._stale = False
        yield self.mirror

    def _write(self, name: str, written: Sequence[Any]) -> None:
        getattr(self.library, name)(written)
        self._stale = True
