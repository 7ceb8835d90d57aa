"""SearchService: Query -> SearchResult, over ports only."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from time import perf_counter

from core.domain.filtering.filters import INDEXED, Filter
from core.domain.image import ImageRecord
from core.domain.query import AS_TYPED, Query, Weights
from core.domain.result import Hit, SearchResult
from core.domain.vectors import Matrix
from core.errors import ImageNotIndexed
from core.ports.decoder import Decoder
from core.ports.encoders import Encoder
from core.ports.rank_lists import LISTS
from core.ports.vector_index import SearchableIndex
from core.query_language.hints import write_hints
from core.search.collapse import count_copies
from core.search.facets import Facet, FacetField, facet
from core.search.mmr import diversify_hits
from core.search.query_encoder import EncodedQuery, QueryEncoder, seeks_text, text_terms, wanted_words
from core.search.ranker import Ranker, findable
from core.search.relevance import encode_bank
from core.search.relevance_scale import Calibration
from core.search.relevance_scorer import SCORED_DEPTH, RelevanceScorer
from core.search.sorting import list_page, sort_hits

STRONG_DEPTH = 2000  # among how many of the best matches those that are strong enough are looked for


@dataclass(slots=True)
class _Stopwatch:
    """Measures one search. `going` is called before every part, and ends the search by raising."""

    going: Callable[[], object] | None
    _ms: dict[str, float] = field(default_factory=dict)
    _part: str | None = None
    _part_began: float = 0.0
    _began: float = field(default_factory=perf_counter)

    def start(self, part: str) -> None:
        """Begin a part, and end the one before it. Parts of the same name add up."""
        if self._part is not None:
            self._ms[self._part] = self._ms.get(self._part, 0.0) + (perf_counter() - self._part_began) * 1000
        self._part = part
        if self.going is not None:
            self.going()
        self._part_began = perf_counter()

    def stop(self) -> dict[str, float]:
        """End the last part. Return milliseconds by part, and of all as `total`."""
        ended = perf_counter()
        if self._part is not None:
            self._ms[self._part] = self._ms.get(self._part, 0.0) + (ended - self._part_began) * 1000
            self._part = None
        return self._ms | {"total": (ended - self._began) * 1000}


class SearchService:
    """Answers queries. The encoder and decoder are made at their first use: browsing and filters need no model.

    `bank` gives an encoder's prompts (core.search.relevance.encode_bank), which are best kept, as is the `calibration`.
    """

    def __init__(
        self,
        index: SearchableIndex,
        encoder: Callable[[], Encoder],
        decoder: Callable[[], Decoder],
        weights: Weights | None = None,
        bank: Callable[[Encoder], Matrix] = encode_bank,
        calibration: Calibration | None = None,
    ) -> None:
        self._index = index
        self._encoder = QueryEncoder(encoder, decoder, weights or Weights(), bank)
        self._calibration = calibration or Calibration()
        self._ranker = Ranker(index)

    def over(self, index: SearchableIndex) -> "SearchService":
        """Give the same service over another index of the same model; what was encoded is shared."""
        other = copy(self)
        other._index = index
        other._ranker = Ranker(index)
        return other

    def search(self, query: Query, going: Callable[[], object] | None = None) -> SearchResult:
        """Find what is asked. `going` is called before every part of the work, and ends it by raising.

        What failed to be indexed is found only by a filter that asks for a status, and only by browsing. Raises
        InvalidQuery, ImageError (a query picture), ImageNotIndexed, ModelError and LibraryError.
        """
        stopwatch = _Stopwatch(going)
        if query.terms:
            stopwatch.start("encode")
            found = self._match(query, self._encoder.encode(query, self._index), stopwatch)
        else:
            found = self._browse(query, stopwatch)
        notices = found.notices
        if query.interpretation != AS_TYPED:
            stopwatch.start("count")
            notices = (*notices, *write_hints(query, self._index, found.total))
        return replace(found, notices=notices, timings_ms=stopwatch.stop())

    def facets(
        self, query: Query, fields: Iterable[FacetField], *, limit: int = 20, going: Callable[[], object] | None = None
    ) -> dict[FacetField, Facet]:
        """Count facets of everything that the query can find, as `total` counts it.

        What pictures show has no end of matches, so words and pictures narrow nothing down. The filter does, and so do
        captions alone by having one, and words alone by holding one of them. See search.facets.facet for the errors.
        """
        passing = _passing(query)
        if query.terms and (weights := query.weights or self._encoder.weights).image == 0:
            texts = text_terms(query.terms)
            lists = [name for name in LISTS if getattr(weights, name) and (name != "caption" or seeks_text(texts))]
            passing = findable(lists, passing, wanted_words(texts))
        wanted = list(fields)

        def count(name: FacetField) -> Callable[[SearchableIndex], Facet]:
            def ask(index: SearchableIndex) -> Facet:
                if going is not None:
                    going()
                return facet(index, name, passing, limit=limit)

            return ask

        return dict(zip(wanted, self._index.gather([count(name) for name in wanted]), strict=True))

    def image(self, image_id: str) -> ImageRecord:
        """Read one image by its id. Raises ImageNotIndexed."""
        found = self._index.fetch([image_id])
        if image_id not in found:
            raise ImageNotIndexed(image_id)
        return found[image_id]

    def _browse(self, query: Query, stopwatch: _Stopwatch) -> SearchResult:
        """List what passes the filter, in the query's order."""
        stopwatch.start("encode")
        passing = _passing(query)
        stopwatch.start("rank")
        asked = [lambda index: list_page(index, query, passing), lambda index: index.count(passing)]
        records, total = self._index.gather(asked)
        hits = [Hit(record, None) for record in records]
        if query.folds:
            stopwatch.start("count")
            hits = count_copies(self._index, hits, passing)
        return SearchResult(tuple(hits), total, self._index.backend)

    def _match(self, query: Query, encoded: EncodedQuery, stopwatch: _Stopwatch) -> SearchResult:
        """Rank what can be found, and score the best and what is shown."""
        question = encoded.question
        stopwatch.start("count")
        count = self._index.count(question.passing)
        stopwatch.start("rank")
        depth = STRONG_DEPTH if query.min_strength and query.by == "match" else max(SCORED_DEPTH, query.within or 0)
        best = self._ranker.page(question, limit=depth, fold=query.folds, total=count)
        if query.folds:
            stopwatch.start("count")
            best = count_copies(self._index, best, question.passing)
        stopwatch.start("judge")
        scorer = RelevanceScorer(query.terms, encoded, count, best[:SCORED_DEPTH], self._index, self._calibration)
        best = scorer.score(best)
        judgement = scorer.judge(best)
        if query.min_strength:
            hits, total = self._select_strong(query, best)
        elif (
            query.by == "match"
            and not query.diversity
            and (query.offset + query.limit <= len(best) or len(best) < SCORED_DEPTH)
        ):
            hits, total = best[query.offset : query.offset + query.limit], count
        else:
            hits, total = self._select_page(query, encoded, best, count, scorer, stopwatch)
        return SearchResult(
            tuple(hits),
            total,
            self._index.backend,
            notices=encoded.notices,
            verdict=judgement.verdict,
            matches=judgement.matches,
            more_matches=judgement.more_matches,
        )

    def _select_strong(self, query: Query, best: Sequence[Hit]) -> tuple[list[Hit], int]:
        """Keep what is strong enough, or of no known strength, and cut the page; give how many there are, too."""
        strong = [hit for hit in best if hit.strength is None or hit.strength >= query.min_strength]
        if query.by != "match":
            strong = sort_hits(strong, query)
        strong = diversify_hits(strong, self._index.vectors, query.diversity)
        return strong[query.offset : query.offset + query.limit], sum(hit.copies for hit in strong)

    def _select_page(
        self,
        query: Query,
        encoded: EncodedQuery,
        best: Sequence[Hit],
        count: int,
        scorer: RelevanceScorer,
        stopwatch: _Stopwatch,
    ) -> tuple[list[Hit], int]:
        """Give a page that is no part of the best as they are ranked, and how many pictures all pages hold."""
        question = encoded.question
        words_alone = question.main.vector is None and query.within is None  # whatever holds a word is a match
        if query.by != "match" and not words_alone:
            chosen = best[: query.within or SCORED_DEPTH]
            return sort_hits(chosen, query)[query.offset : query.offset + query.limit], sum(
                hit.copies for hit in chosen
            )
        stopwatch.start("rank")
        if query.by == "match":
            hits = self._ranker.page(
                question,
                limit=query.limit,
                offset=query.offset,
                fold=query.folds,
                diversity=query.diversity,
                total=count,
            )
        else:
            hits = self._ranker.hits(question, list_page(self._index, query, question.passing))
        if query.folds:
            stopwatch.start("count")
            hits = count_copies(self._index, hits, question.passing)
        stopwatch.start("judge")
        return scorer.score(hits), count


def _passing(query: Query) -> Filter:
    """Let failed files pass only where the query browses and asks for them."""
    return query.filter if query.filter.asks_for("status") and not query.terms else INDEXED & query.filter
