"""What a coarse index loses, and whole vectors of a copy bring back."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from core.availability.exact_rerank import RerankedIndex
from core.availability.failover import Failover
from core.availability.resilient_search import ResilientSearch
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ListName
from core.domain.query import LikeTerm, Query
from core.domain.vectors import unit
from core.ports.mirror import MirrorSummary
from core.ports.rank_lists import Probe, Shortlist
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import image_id, record

INFO = IndexInfo("colours", "colours-1", 16)
COUNT = 400
VECTORS = unit(np.random.default_rng(5).normal(size=(COUNT, 16)))


class Coarse(MemoryIndex):
    """Compares by the signs of vectors alone, as a binary quantisation does."""

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        signs = unit(np.sign(VECTORS))
        found: dict[ListName, Shortlist] = {}
        for probe in probes:
            scores = signs @ unit(np.sign(probe.vector))
            best = np.argsort(-scores, kind="stable")[:limit]
            found[probe.list] = Shortlist.cut([(image_id(n + 1), float(scores[n])) for n in best], limit)
        return found


class Copy(MemoryIndex):
    backend = "mirror"
    health = None
    as_of = datetime(2026, 1, 1, tzinfo=UTC)

    def summary(self) -> MirrorSummary:
        return MirrorSummary("generation-00000001", COUNT, 1, "float32")


def _filled(index: MemoryIndex, count: int = COUNT) -> MemoryIndex:
    index.upsert([Point(record(n + 1), VECTORS[n]) for n in range(count)])
    return index


def _recall(index: MemoryIndex, copy: MemoryIndex | None) -> float:
    found = 0
    for n in range(50):
        vector = unit(VECTORS[n] + 0.3 * np.random.default_rng(n).normal(size=16))
        asked = [Probe("image", vector)]
        source = index if copy is None else RerankedIndex(index, copy, 12)  # type: ignore[arg-type]
        best = [image for image, _ in source.shortlists(asked, limit=20)["image"].ranking[:10]]
        true = [image_id(int(n) + 1) for n in np.argsort(-(VECTORS @ vector))[:10]]
        found += len(set(best) & set(true))
    return found / 500


def test_reranking_brings_back_what_a_coarse_index_lost() -> None:
    index, copy = _filled(Coarse(INFO)), _filled(Copy(INFO))
    assert _recall(index, None) < 0.6
    assert _recall(index, copy) > 0.95


def test_what_the_copy_lacks_keeps_its_own_score() -> None:
    index, copy = _filled(Coarse(INFO)), _filled(Copy(INFO), 10)
    probe = Probe("image", VECTORS[399])
    ranking = dict(RerankedIndex(index, copy).shortlists([probe], limit=10)["image"].ranking)  # type: ignore[arg-type]
    assert ranking[image_id(400)] == pytest.approx(1)
    scores = RerankedIndex(index, copy).scores([probe], [image_id(1), image_id(400)])["image"]  # type: ignore[arg-type]
    assert scores[image_id(1)] == pytest.approx(float(VECTORS[0] @ VECTORS[399]), abs=1e-5)


@pytest.mark.parametrize("always", [False, True])
def test_a_query_or_a_setting_asks_for_it(always: bool) -> None:
    index, copy = _filled(Coarse(INFO)), _filled(Copy(INFO))
    failover = Failover(lambda: index, lambda: copy, lambda: True, 20.0)  # type: ignore[arg-type,return-value]
    search = ResilientSearch(failover, lambda index: SearchService(index, ColourEncoder, InlineDecoder), exact=always)
    liked = Query((LikeTerm(image_id(7)),), limit=10, exact=not always)
    found = [hit.record.id for hit in search.search(liked).hits]
    assert found == [image_id(int(n) + 1) for n in np.argsort(-(VECTORS @ VECTORS[6]), kind="stable")[:10]]
    failover.close()


def test_without_a_copy_the_answer_says_that_it_is_the_indexs_own() -> None:
    index = _filled(Coarse(INFO))
    failover = Failover(lambda: index, lambda: index, lambda: False, 1.0)  # type: ignore[arg-type,return-value]
    search = ResilientSearch(failover, lambda index: SearchService(index, ColourEncoder, InlineDecoder))
    result = search.search(Query((LikeTerm(image_id(7)),), exact=True))
    assert any("build the mirror" in notice for notice in result.notices) and not result.degraded
