"""A collection of an earlier version, its words weighed by the server, is brought up, whatever cuts that short."""

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from core.adapters.qdrant_server import word_migration as renewal
from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.collection import METADATA_KEY
from core.adapters.qdrant_server.filters import FIELDS
from core.adapters.qdrant_server.index import QdrantIndex
from core.adapters.qdrant_server.word_migration import WordMigration
from core.domain.filtering.filters import holding_word
from core.errors import LibraryError, LibraryReadOnly
from core.ports.vector_index import CaptionUpdate, IndexInfo, Point
from core.text.analysis import query_weights, term_hash
from tests.integration.core.adapters.qdrant_edge.test_migrations import QUESTIONS, points
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import best_words
from tests.support.made_up_images import DIMENSION, image_id, vector

INFO = IndexInfo("colours", "colours-1", DIMENSION)


class MemoryServer(Server):
    """qdrant-client's own memory. `fails`: what is raised from so many writes on."""

    def __init__(self, client: QdrantClient) -> None:
        super().__init__(client, "in memory")
        self.fails: tuple[int, Exception] | None = None
        self.written = 0

    def ask(self, call: Any, *, writes: bool = False) -> Any:
        self.written += writes
        if writes and self.fails is not None and self.written > self.fails[0]:
            raise self.fails[1]
        return super().ask(call, writes=writes)

    def close(self) -> None:
        """It is opened again."""


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    client = QdrantClient(":memory:")
    yield MemoryServer(client)
    client.close()


def make_old(server: MemoryServer, count: int) -> list[Point]:
    """As version 0.1 wrote it: the modifier, other words, dimensions of 32 bits, and nothing said of versions."""
    written = points(count)
    index = QdrantIndex.create(server, "library", INFO)
    index.upsert(written)
    idf = {"words": models.SparseVectorParams(modifier=models.Modifier.IDF)}
    told = {"model": INFO.model, "fingerprint": INFO.fingerprint, "dimension": DIMENSION}
    ours = {"collection": index.collection, **told}
    server._client.update_collection(index.collection, sparse_vectors_config=idf, metadata={METADATA_KEY: ours})
    for one in written:
        if one.record.words:
            forms = [*one.record.words[1:], "stale"]
            held = models.SparseVector(indices=[term_hash(form) for form in forms], values=[1.0] * len(forms))
            server._client.set_payload(index.collection, {"words": forms}, points=[one.record.id])
            server._client.update_vectors(
                index.collection, [models.PointVectors(id=one.record.id, vector={"words": held})]
            )
    return written


def is_as_new(index: QdrantIndex, written: list[Point]) -> None:
    brute = MemoryIndex(INFO)
    brute.upsert(written)
    assert index.scroll() == brute.scroll()
    assert index.facet("words", limit=50) == brute.facet("words", limit=50)
    for question in QUESTIONS:
        found = best_words(index, query_weights(question), limit=50)
        wanted = best_words(brute, query_weights(question), limit=50)
        assert [(hit.record.id, hit.score) for hit in found] == [(hit.record.id, hit.score) for hit in wanted]
    config = index._ask(lambda client, name: client.get_collection(name)).config
    assert config.metadata is not None and config.params.sparse_vectors is not None
    assert config.metadata[METADATA_KEY].keys() == {
        "collection",
        "model",
        "fingerprint",
        "dimension",
        "analyser",
        "scoring",
    }
    assert config.params.sparse_vectors["words"].modifier in (None, models.Modifier.NONE)


def test_it_answers_like_a_new_one(server: MemoryServer, caplog: pytest.LogCaptureFixture) -> None:
    written = make_old(server, 60)
    for _ in range(2):
        is_as_new(QdrantIndex.open(server, "library"), written)
    assert sum("up to this version" in line for line in caplog.messages) == 1


def test_cut_short_at_any_write_the_next_goes_on(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "_PAGE", 7)
    written = make_old(server, 40)
    for allowed in range(12):
        server.written, server.fails = 0, (allowed % 4, LibraryError("cut"))
        index = QdrantIndex.open(server, "library")
        assert best_words(index, {"dog": 1.0}, limit=5)
        index.close()
    server.fails = None
    is_as_new(QdrantIndex.open(server, "library"), written)


def test_a_key_that_may_only_read_is_answered_as_before(server: MemoryServer) -> None:
    make_old(server, 40)
    server.written, server.fails = 0, (0, LibraryReadOnly("in memory", "no"))
    index = QdrantIndex.open(server, "library")
    assert len(best_words(index, {"stale": 1.0}, limit=50)) == index.count(holding_word("stale")) > 10


def test_while_it_runs_words_of_either_version_are_found(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "_PAGE", 10)
    written = make_old(server, 40)
    server.written, server.fails = 0, (3, LibraryError("cut"))  # the modifier, a page, and how far it is
    index = QdrantIndex.open(server, "library")
    holding = {one.record.id for one in written if "red" in one.record.words[1:]}
    found = {hit.record.id for hit in best_words(index, {"red": 1.0}, limit=50)}
    assert holding <= found and best_words(index, {"stale": 1.0}, limit=50)


def test_what_another_process_writes_meanwhile_is_kept(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    written = make_old(server, 20)
    other = QdrantIndex.open(server, "library", migrate=False)
    tell, update = (
        WordMigration._migrate_page,
        CaptionUpdate(image_id(3), "a blue boat", "human", None, None, vector(1)),
    )

    def overtaken(self: WordMigration, found: Any) -> None:
        other.set_captions([update])
        tell(self, found)

    monkeypatch.setattr(WordMigration, "_migrate_page", overtaken)
    index = QdrantIndex.open(server, "library")
    assert index.fetch([image_id(3)])[image_id(3)].words == ("blue", "boat")
    assert [hit.record.id for hit in best_words(index, {"boat": 1.0}, limit=5)] == [image_id(3)]
    assert len(written) == index.count()


def test_a_collection_of_an_earlier_version_gets_the_indexes_that_it_lacks(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    QdrantIndex.create(server, "library", INFO)
    made: list[str] = []
    there = models.PayloadIndexInfo(data_type=models.PayloadSchemaType.KEYWORD, points=0)
    read = QdrantClient.get_collection
    held = {"words": there, "source": there}
    monkeypatch.setattr(
        QdrantClient,
        "get_collection",
        lambda self, name, **told: read(self, name, **told).model_copy(update={"payload_schema": held}),
    )
    monkeypatch.setattr(
        QdrantClient, "create_payload_index", lambda self, name, field, schema, wait: made.append(field)
    )
    QdrantIndex.open(server, "library")
    assert set(made) == FIELDS.keys() - held.keys() and {"camera", "latitude", "keywords"} <= set(made)
    held |= dict.fromkeys(FIELDS, there)
    made.clear()
    QdrantIndex.open(server, "library")
    assert made == []
    held.pop("camera")
    server.fails = (server.written, LibraryReadOnly("in memory", "no"))
    assert QdrantIndex.open(server, "library").count() == 0  # whoever may only read it searches as before
