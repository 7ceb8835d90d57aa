"""Words and their vectors of a library on a server, derived anew from its captions: no picture is encoded.

Whoever opens a collection of another version brings it up to date, if its key may write. That goes page by page, in the
background where it takes long. The collection's metadata tell how far it is, so an interrupted migration is resumed.
Until it ends, questions find words of either version. Two processes may migrate at once: they write the same. A page
whose captions changed between reading and writing is done again, so nothing written meanwhile is lost.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import QdrantClient, models

from core.adapters.index_base.point_codec import VERSION, new_version
from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.collection import METADATA_KEY, current_versions
from core.adapters.qdrant_server.points import sparse_vector
from core.domain.image import SPOKEN, payload_documents, payload_words
from core.errors import LibraryError, LibraryReadOnly, LibraryRefused
from core.text import analysis
from core.text.bm25 import query_vector
from core.text.word_lists import WordListName

_PAGE = 256
_SHORT_S = 5.0  # whoever opens a library waits at most so long for it
_LOG_INTERVAL_S = 10.0
_REFRESH_S = 10.0  # how often a process that does not bring the collection up looks whether another one did
_FIELDS = [*SPOKEN]
_PROGRESS = "migrate"

_log = logging.getLogger(__name__)


class WordMigration:
    """What a collection's words are of, and bringing them up to this version. Used by any thread."""

    def __init__(self, server: Server, collection: str) -> None:
        self._server = server
        self._collection = collection
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._refreshed_at: float | None = None

    def start(self, config: models.CollectionConfig) -> None:
        """Bring it up, where it is of another version; goes on in the background if that takes long."""
        self._read_config(config)
        if self._outdated and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="renew-words", daemon=True)
            self._thread.start()
            self._thread.join(_SHORT_S)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_SHORT_S)

    def vector(
        self, wanted: Mapping[str, float], total: int, holding: Mapping[str, int], name: WordListName
    ) -> dict[int, float]:
        """The words as a vector for the collection as it is now."""
        if not self.is_outdated() or name != "words":
            return query_vector(wanted, total, holding, name)
        if self._idf_on_server:
            return {analysis.term_hash(word): weight for word, weight in wanted.items()}
        vector = query_vector(wanted, total, holding)
        return {analysis.term_hash(word): vector[analysis.term_id(word)] for word in wanted} | vector

    def is_outdated(self) -> bool:
        """Whether some words may still be of an earlier version."""
        if self._refreshed_at is None or (self._outdated and time.monotonic() - self._refreshed_at > _REFRESH_S):
            self._refresh()
        return self._outdated

    def _refresh(self) -> None:
        self._read_config(self._server.ask(lambda client: client.get_collection(self._collection)).config)

    def _read_config(self, config: models.CollectionConfig) -> None:
        self._ours: dict[str, Any] = (config.metadata or {}).get(METADATA_KEY) or {}
        self._outdated = {name: self._ours.get(name, 1) for name in current_versions()} != current_versions()
        held = (config.params.sparse_vectors or {}).get("words")
        self._idf_on_server = held is not None and held.modifier == models.Modifier.IDF  # by the server itself
        self._refreshed_at = time.monotonic()

    def _run(self) -> None:
        try:
            self._migrate()
        except (LibraryReadOnly, LibraryRefused):
            _log.warning("the words of %s are of another version: who writes it next brings them up", self._collection)
        except LibraryError as error:
            _log.warning("the words of %s are not brought up to this version yet: %s", self._collection, error)
        except Exception:
            if not self._stop.is_set():
                raise

    def _migrate(self) -> None:
        plain = {"words": models.SparseVectorParams(modifier=models.Modifier.NONE)}
        self._write(lambda client: client.update_collection(self._collection, sparse_vectors_config=plain))
        self._refresh()
        begun = self._ours.get(_PROGRESS) or {}
        after = (
            begun.get("after") if {name: begun.get(name) for name in current_versions()} == current_versions() else None
        )
        _log.warning("bringing the words of %s on %s up to this version", self._collection, self._server.address)
        done, logged_at = 0, time.monotonic()
        while not self._stop.is_set():
            found, behind = self._server.ask(lambda client, after=after: self._read(client, after))  # type: ignore[misc]
            self._migrate_page(found)
            done += len(found)
            if behind is None:
                self._write_progress({**current_versions(), _PROGRESS: None})
                return
            after = str(behind)
            self._write_progress({_PROGRESS: {**current_versions(), "after": after}})
            if time.monotonic() - logged_at > _LOG_INTERVAL_S:
                logged_at = time.monotonic()
                _log.warning("bringing the words of %s up to this version: %d pictures done", self._collection, done)

    def _migrate_page(self, points: Sequence[models.Record]) -> None:
        """Again those whose captions somebody else changed in between."""
        while points:
            written = [operation for point in points for operation in _operations(point)]
            if not written:
                return
            self._write(lambda client, all=written: client.batch_update_points(self._collection, all, wait=True))
            said = {point.id: payload_documents(point.payload or {}) for point in points}
            ids = list(said)
            now = self._server.ask(lambda client, ids=ids: client.retrieve(self._collection, ids, with_payload=_FIELDS))  # type: ignore[misc]
            points = [point for point in now if payload_documents(point.payload or {}) != said[point.id]]

    def _read(self, client: QdrantClient, after: str | None) -> tuple[list[models.Record], Any]:
        return client.scroll(self._collection, limit=_PAGE, offset=after, with_payload=_FIELDS, with_vectors=False)

    def _write_progress(self, changes: Mapping[str, Any]) -> None:
        """In the metadata, which are merged at the top alone: so ours are written whole."""
        self._ours = {name: value for name, value in {**self._ours, **changes}.items() if value is not None}
        self._write(lambda client: client.update_collection(self._collection, metadata={METADATA_KEY: self._ours}))
        self._refresh()

    def _write(self, call: Any) -> None:
        self._server.ask(call, writes=True)


def _operations(point: models.Record) -> list[Any]:
    documents = payload_documents(point.payload or {})
    payload = {**payload_words(documents), VERSION: new_version()}
    written: list[Any] = [models.SetPayloadOperation(set_payload=models.SetPayload(payload=payload, points=[point.id]))]
    vector = sparse_vector(documents)
    if vector is None:
        gone = models.DeleteVectors(points=[point.id], vector=["words"])
        return [*written, models.DeleteVectorsOperation(delete_vectors=gone)]
    held = models.UpdateVectors(points=[models.PointVectors(id=point.id, vector={"words": vector})])
    return [*written, models.UpdateVectorsOperation(update_vectors=held)]
