"""SearchService over the library, or over its mirror where the library does not answer."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from core.availability.exact_rerank import RerankedIndex
from core.availability.failover import Failover
from core.availability.recall_monitor import RecallMeter
from core.domain.image import ImageRecord
from core.domain.query import Query
from core.domain.result import SearchResult
from core.errors import Notice
from core.errors.hints import BuildMirror
from core.ports.vector_index import SearchableIndex
from core.search.facets import Facet, FacetField
from core.search.service import SearchService

_NO_MIRROR = Notice("there is no mirror of the library to compare exactly with", BuildMirror())


class Searcher(Protocol):
    """What answers queries; see SearchService."""

    def search(self, query: Query, going: Callable[[], object] | None = None) -> SearchResult: ...

    def facets(
        self, query: Query, fields: Iterable[FacetField], *, limit: int = 20, going: Callable[[], object] | None = None
    ) -> dict[FacetField, Facet]: ...

    def image(self, image_id: str) -> ImageRecord: ...


class ResilientSearch:
    """A Searcher. What the mirror answered is marked as `degraded`, with its age and how many images it lacks.

    `exact`: every query is answered as if it asked for that (exact_rerank). `meter` is offered all that the library
    answered.
    """

    def __init__(
        self,
        failover: Failover,
        service: Callable[[SearchableIndex], SearchService],
        *,
        exact: bool = False,
        meter: RecallMeter | None = None,
    ) -> None:
        self._failover = failover
        self._make_service = service
        self._exact = exact
        self._meter = meter
        self._service: SearchService | None = None

    def search(self, query: Query, going: Callable[[], object] | None = None) -> SearchResult:
        """Answer as SearchService.search does."""
        mirror = self._failover.find_mirror() if self._exact or query.exact else None

        def ask(index: SearchableIndex) -> SearchResult:
            whole = mirror is None or index is mirror or mirror.info.fingerprint != index.info.fingerprint
            return self._over(index if mirror is None or whole else RerankedIndex(index, mirror)).search(query, going)

        result, degraded = self._failover.ask(ask)
        if degraded is None and self._meter is not None:
            self._meter.offer(query, result, lambda index, offered: self._over(index).search(offered))
        if degraded is None and query.exact and mirror is None:
            return replace(result, notices=(*result.notices, _NO_MIRROR))
        if degraded is None:
            return result
        notices = (*result.notices, degraded.notice)
        return replace(result, degraded=True, notices=notices, as_of=degraded.as_of, lacking=degraded.lacking)

    def facets(
        self, query: Query, fields: Iterable[FacetField], *, limit: int = 20, going: Callable[[], object] | None = None
    ) -> dict[FacetField, Facet]:
        """Answer as SearchService.facets does."""
        wanted = list(fields)
        return self._failover.ask(lambda index: self._over(index).facets(query, wanted, limit=limit, going=going))[0]

    def image(self, image_id: str) -> ImageRecord:
        """Answer as SearchService.image does."""
        return self._failover.ask(lambda index: self._over(index).image(image_id))[0]

    def _over(self, index: SearchableIndex) -> SearchService:
        """Give one service over this index; what it keeps of texts serves every index."""
        if self._service is None:
            self._service = self._make_service(index)
        return self._service.over(index)
