"""One batch finds what many requests found."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from core.adapters.qdrant_server.client import Server
from core.adapters.qdrant_server.index import QdrantIndex
from core.adapters.qdrant_server.retrieval import Batch
from core.domain.filtering.conditions import KeyGlob, Match
from core.domain.filtering.filters import EVERYTHING, INDEXED, Filter
from core.ports.rank_lists import Probe
from core.ports.retrieval import retrieve_in_parts
from core.ports.vector_index import IndexInfo
from core.text import analysis
from tests.support.made_up_images import DIMENSION, failed_point, point, vector
from tests.support.servers.counting_client import CountingClient

WORDS = analysis.query_weights("a red dog in the night")
PROBES = {
    "image": [Probe("image", vector(1))],
    "words": [Probe("words", terms=WORDS)],
    "all": [
        Probe("image", vector(1)),
        Probe("caption", vector(2)),
        Probe("words", terms=WORDS),
        Probe("name", terms=WORDS),
    ],
    "avoided": [Probe("image", vector(1)), Probe("words", terms={word: -1.0 for word in WORDS})],
}
FILTERS = [EVERYTHING, INDEXED, Filter(none=(Match("words", ("red",)),)), Filter(all=(KeyGlob("*1.jpg"),))]


@pytest.fixture(scope="module")
def index() -> Iterator[QdrantIndex]:
    with closing(CountingClient()) as client:
        index = QdrantIndex.create(Server(client, "in memory"), "library", IndexInfo("c", "c-1", DIMENSION))
        captions = [None, "a red dog", "night", "a blue car at night", ""]
        index.upsert([point(n, captions[n % 5]) for n in range(60)])
        index.upsert([failed_point(n) for n in range(60, 64)])
        yield index


@pytest.mark.parametrize("limit", [3, 20, 200])
@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("narrow", [False, True], ids=["one shard", "more found than an answer holds"])
def test_a_batch_finds_what_separate_requests_find(
    index: QdrantIndex, monkeypatch: pytest.MonkeyPatch, limit: int, name: str, narrow: bool
) -> None:
    if narrow:
        monkeypatch.setattr(Batch, "width", lambda self, probe: self.limit)
    for filter in FILTERS:
        found = index.retrieve(PROBES[name], filter, limit=limit)
        expected = retrieve_in_parts(index, PROBES[name], filter, limit=limit)
        assert (found.total, found.paired) == (expected.total, expected.paired)
        assert found.shortlists.keys() == expected.shortlists.keys()
        for one, shortlist in expected.shortlists.items():
            assert [i for i, _ in found.shortlists[one].ranking] == [i for i, _ in shortlist.ranking]
            assert found.shortlists[one].whole == shortlist.whole
        for one, scores in expected.scores.items():
            assert {i: found.scores[one][i] for i in scores} == pytest.approx(scores, abs=1e-6)
        pool = {image_id for shortlist in expected.shortlists.values() for image_id, _ in shortlist.ranking}
        hashes = {i: one for i, one in found.hashes.items() if one is not None}
        assert hashes.items() <= index.hashes(list(pool)).items() and (narrow or found.hashes.keys() == pool)
