"""SearchService: Query -> SearchResult, over ports only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from time import perf_counter

from core.domain.filtering.filters import INDEXED, Filter
from core.domain.image import ImageRecord
from core.domain.picture_texts import PictureTexts
from core.domain.query import AS_TYPED, Query, Weights
from core.domain.result import Hit, SearchResult
from core.domain.vectors import Matrix, Vector
from core.errors import ImageNotIndexed
from core.ports.decoder import Decoder
from core.ports.encoders import Encoder
from core.ports.rank_lists import LISTS
from core.ports.vector_index import SearchableIndex
from core.query_language.hints import write_hints
from core.search.collapse import ALONE, CopyCount, count_copies
from core.search.facets import Facet, FacetField, facet
from core.search.mmr import REACH, diversify_hits
from core.search.query_encoder import EncodedQuery, QueryEncoder, seeks_text, text_terms, wanted_words
from core.search.ranker import RankedMatches, findable
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

    def over(self, index: SearchableIndex) -> "SearchService":
        """Give the same service over another index of the same model; what was encoded is shared."""
        other = copy(self)
        other._index = index
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
        records = list_page(self._index, query, passing)
        stopwatch.start("count")
        hashes = _list_hashes([record.content_hash for record in records] if query.folds else ())
        found = self._index.details((), passing, hashes=hashes, count=True)
        some = any(count > 1 for count in found.copies.values()) or any(record.pair for record in records)
        copies = count_copies(self._index, found.copies, passing, paired=bool(found.paired) and some)
        hits = _Answer({}, {}, copies).complete([Hit(record, None) for record in records])
        assert found.total is not None
        return SearchResult(tuple(hits), found.total, self._index.backend)

    def _match(self, query: Query, encoded: EncodedQuery, stopwatch: _Stopwatch) -> SearchResult:
        """Rank what can be found, and score the best and what is shown."""
        stopwatch.start("rank")
        by_match, end = query.by == "match", query.offset + query.limit
        depth = STRONG_DEPTH if query.min_strength and by_match else max(SCORED_DEPTH, query.within or 0)
        ranked = RankedMatches(self._index, encoded.question, depth=max(depth, end) if by_match else depth)
        best = ranked.page(limit=depth, fold=query.folds)
        scorer = RelevanceScorer(query.terms, encoded, ranked, self._index, self._calibration)
        of_best = bool(query.min_strength) or not (by_match or _lists_words(query, ranked))
        page = best if of_best else _find_page(query, ranked, best) if by_match else None
        answer = self._read(query, ranked, scorer, best, page or (), stopwatch)
        counts = [answer.count(ranked.hash(image_id)).copies for image_id in best]
        judgement = scorer.judge(best, answer.strengths, counts)
        total = ranked.total
        if page is None:
            hits = self._list_words(query, ranked, scorer, stopwatch)
        elif of_best:
            hits, total = _select(query, answer.make_hits(ranked, page), answer.vectors)
        else:
            hits = answer.make_hits(ranked, page)
            if _is_varied(query):
                hits = _diversify(hits, answer.vectors, query)[query.offset : end]
        return SearchResult(
            tuple(hits),
            total,
            self._index.backend,
            notices=encoded.notices,
            verdict=judgement.verdict,
            matches=judgement.matches,
            more_matches=judgement.more_matches,
        )

    def _read(
        self,
        query: Query,
        ranked: RankedMatches,
        scorer: RelevanceScorer,
        best: Sequence[str],
        shown: Sequence[str],
        stopwatch: _Stopwatch,
    ) -> "_Answer":
        """Score the best matches and what is shown, and read all that it takes, at once."""
        stopwatch.start("judge")
        ids = list(dict.fromkeys([*best, *shown]))
        unmeasured = scorer.measure(ids)
        undecided = scorer.list_undecided(ids, unmeasured)
        hashes = _list_hashes([ranked.hash(image_id) for image_id in ids] if query.folds else ())
        compared = (shown if query.min_strength else shown[:REACH]) if query.diversity else ()
        vectors = list(dict.fromkeys([*unmeasured, *compared]))
        passing = ranked.passing
        stopwatch.start("count")
        found, told, _ = self._index.gather(
            [
                lambda index: index.details(shown, passing, hashes=hashes, vectors=vectors),
                lambda index: index.texts(undecided, scorer.deciding) if undecided else {},
                lambda index: ranked.complete(shown, index),
            ]
        )
        copies = count_copies(self._index, found.copies, passing, paired=ranked.paired)
        stopwatch.start("judge")
        scorer.measure(unmeasured, found.vectors)
        return _Answer(found.records, scorer.score(ids, told), copies, found.vectors)

    def _list_words(
        self, query: Query, ranked: RankedMatches, scorer: RelevanceScorer, stopwatch: _Stopwatch
    ) -> list[Hit]:
        """Read a page of all that holds a word, in another order than that of the match."""
        stopwatch.start("rank")
        records = list_page(self._index, query, ranked.passing)
        hits = ranked.compare(records)
        stopwatch.start("count")
        hashes = _list_hashes([record.content_hash for record in records] if query.folds else ())
        counted = self._index.details((), ranked.passing, hashes=hashes).copies
        copies = count_copies(self._index, counted, ranked.passing, paired=ranked.paired)
        known = {record.id: record for record in records}
        texts = {record.id: PictureTexts.of(record) for record in records}
        return _Answer(known, scorer.score(list(known), texts), copies).complete(hits)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is known of some matches: records, strengths and image vectors by id, copies by content hash."""

    records: Mapping[str, ImageRecord]
    strengths: Mapping[str, float]
    copies: Mapping[str, CopyCount]
    vectors: Mapping[str, Vector] = field(default_factory=dict)

    def count(self, content_hash: str | None) -> CopyCount:
        return self.copies.get(content_hash or "", ALONE)

    def make_hits(self, ranked: RankedMatches, ids: Sequence[str]) -> list[Hit]:
        return self.complete(ranked.hits(self.records[image_id] for image_id in ids if image_id in self.records))

    def complete(self, hits: Sequence[Hit]) -> list[Hit]:
        """Set strengths and copies."""
        return [
            replace(hit, strength=self.strengths.get(hit.record.id), copies=count.copies, raws=count.raws)
            for hit in hits
            for count in [self.count(hit.record.content_hash)]
        ]


def _find_page(query: Query, ranked: RankedMatches, best: Sequence[str]) -> Sequence[str]:
    """Take the page from the best, or from behind them. Of an answer that is varied, all that it is made of."""
    end = query.offset + query.limit
    if _is_varied(query):
        return ranked.page(limit=max(REACH, end), fold=query.folds)
    if end <= len(best) or len(best) < SCORED_DEPTH:
        return best[query.offset : end]
    return ranked.page(limit=query.limit, offset=query.offset, fold=query.folds)


def _is_varied(query: Query) -> bool:
    return bool(query.diversity) and query.offset < REACH and query.by == "match"


def _select(query: Query, best: Sequence[Hit], vectors: Mapping[str, Vector]) -> tuple[list[Hit], int]:
    """Take a page of the best that are strong enough, or of them in another order, and count all pages' images."""
    if query.min_strength:
        best = [hit for hit in best if hit.strength is None or hit.strength >= query.min_strength]
    else:
        best = best[: query.within or SCORED_DEPTH]
    if query.by != "match":
        best = sort_hits(best, query)
    if query.min_strength:
        best = _diversify(best, vectors, query)
    return list(best[query.offset : query.offset + query.limit]), sum(hit.copies for hit in best)


def _diversify(hits: Sequence[Hit], vectors: Mapping[str, Vector], query: Query) -> list[Hit]:
    return diversify_hits(hits, lambda _: vectors, query.diversity)


def _lists_words(query: Query, ranked: RankedMatches) -> bool:
    """Say whether whatever holds a word is a match, so that all of it is listed in another order."""
    return not ranked.is_dense and query.within is None


def _list_hashes(hashes: Iterable[str | None]) -> list[str]:
    return [content_hash for content_hash in dict.fromkeys(hashes) if content_hash]


def _passing(query: Query) -> Filter:
    """Let failed files pass only where the query browses and asks for them."""
    return query.filter if query.filter.asks_for("status") and not query.terms else INDEXED & query.filter
