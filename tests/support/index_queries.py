"""Questions that tests put to an index, made of what every SearchableIndex answers."""

from collections.abc import Mapping

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord
from core.domain.result import Hit
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe, Ranking
from core.ports.vector_index import DenseName, SearchableIndex


def newest(index: SearchableIndex, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0) -> list[ImageRecord]:
    """List records by modified_at, latest first; equal times by id."""
    return index.ordered("modified", filter, limit=limit, offset=offset)


def nearest(
    index: SearchableIndex,
    vector: Vector,
    filter: Filter = EVERYTHING,
    *,
    limit: int,
    offset: int = 0,
    using: DenseName = "image",
    exact: bool = False,
) -> list[Hit]:
    """Find a page of images by cosine to a unit vector, best first; unless `exact`, as the shortlists find them."""
    probe, wanted = Probe(using, vector), offset + limit
    ranking = index.ranking(probe, filter, limit=wanted) if exact else _approximate(index, probe, filter, wanted)
    return _hits(index, ranking[offset:])


def best_words(
    index: SearchableIndex, weights: Mapping[str, float], filter: Filter = EVERYTHING, *, limit: int
) -> list[Hit]:
    """Find images by the words of their captions, best first; nothing without words."""
    return _hits(index, index.ranking(Probe("words", terms=weights), filter, limit=limit)) if weights else []


def _approximate(index: SearchableIndex, probe: Probe, filter: Filter, wanted: int) -> Ranking:
    """Widen the shortlist until the equals that it leaves out at its end come after all that is wanted."""
    limit = wanted + 1
    while len(ranking := index.shortlists([probe], filter, limit=limit)[probe.list].ranking) < wanted:
        if limit > index.count(filter):
            break
        limit *= 4
    return ranking[:wanted]


def _hits(index: SearchableIndex, ranking: Ranking) -> list[Hit]:
    records = index.fetch([image_id for image_id, _ in ranking])
    return [Hit(records[image_id], score) for image_id, score in ranking if image_id in records]
