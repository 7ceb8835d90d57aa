"""SearchService: Query -> SearchResult, over ports only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from core.domain import model_catalog, vectors
from core.domain.filters import INDEXED, Filter
from core.domain.image import ImageRecord
from core.domain.query import ImageTerm, LikeTerm, Query, Term, TextTerm, Weights
from core.domain.result import Hit, SearchResult
from core.domain.sort_orders import in_order
from core.domain.vectors import Matrix, Vector
from core.errors import ImageNotIndexed, InvalidQuery, ModelMismatch
from core.imaging.decoder import DecodeRequest
from core.ports.decoder import Decoder
from core.ports.encoders import Encoder, TextEncoding
from core.ports.rank_lists import Probe
from core.ports.vector_index import SearchableIndex
from core.query_language.hints import write_hints
from core.search.collapse import counted, folded
from core.search.facets import Facet, FacetField, facet
from core.search.mmr import varied
from core.search.ranker import Question, Ranker, findable
from core.search.relevance import SOME, Verdict, encode_bank
from core.search.relevance_scale import Calibration
from core.search.relevance_scorer import Asked, Judge
from core.search.tile_encoding import encode_pictures
from core.search.timing import Stages, go_on
from core.text import analysis

MATCHING = 200  # how many of the best matches are judged, and sorted where nobody says
LOOKED_AT = 2000  # how many of the best matches are looked at for those that are strong enough
_TAIL = 20  # of those: where one of them is a good match, there may be more behind them
TELLING = 10  # how many of the best matches a verdict is about
_WORDS = 64  # of a question that are looked for in captions
_TEXTS = 256  # encoded ones that are kept: every further page of an answer asks for the same


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
        self._encoder = encoder
        self._decoder = decoder
        self._weights = weights or Weights()
        self._bank = bank
        self._calibration = calibration or Calibration()
        self._ranker = Ranker(index)
        self._encoded_text = lru_cache(_TEXTS)(self._encode_anew)

    def over(self, index: SearchableIndex) -> "SearchService":
        """The same service over another index of the same model; what was encoded is shared."""
        other = copy(self)
        other._index = index
        other._ranker = Ranker(index)
        return other

    def search(self, query: Query, going: Callable[[], object] = go_on) -> SearchResult:
        """Raises InvalidQuery, ImageError (a query picture), ImageNotIndexed, ModelError and LibraryError.

        What failed to be indexed is found only by a filter that asks for a status, and only by browsing. `going` is
        called before every part of the work, and ends it by raising.
        """
        stages = Stages(going)
        notices: list[str] = []
        passing = _passing(query)
        with stages.timed("encode"):
            question, encoded = self._question(query, passing, notices) if query.terms else (None, {})
        if question is None:
            found = _Answer(*self._browsed(query, passing, stages))
        else:
            found = self._judged(query, question, encoded, stages)
            notices += _empty(query)
        if query.interpretation:
            with stages.timed("count"):
                notices += write_hints(query, self._index, found.total)
        return SearchResult(
            tuple(found.hits),
            found.total,
            self._index.backend,
            notices=tuple(notices),
            timings_ms=stages.all(),
            verdict=found.verdict,
            matches=found.matches,
            more_matches=found.more_matches,
        )

    def _browsed(self, query: Query, passing: Filter, stages: Stages) -> tuple[list[Hit], int]:
        with stages.timed("rank"):
            hits = [Hit(record, None) for record in self._ordered(query, passing)]
        with stages.timed("count"):
            return counted(self._index, hits, passing) if query.folds else hits, self._index.count(passing)

    def _ordered(self, query: Query, passing: Filter) -> list[ImageRecord]:
        """The records of one page, sorted otherwise than by match."""
        limit, offset = query.limit, query.offset

        def first(count: int) -> list[ImageRecord]:
            return self._index.ordered(query.by, passing, limit=count, reverse=query.reverse)

        if query.folds:
            return folded(first, _hashes, offset + limit)[offset:]
        return self._index.ordered(query.by, passing, limit=limit, offset=offset, reverse=query.reverse)

    def _judged(self, query: Query, question: Question, encoded: Mapping[Term, Vector], stages: Stages) -> "_Answer":
        """Judges what is shown and the best, unless what is too weak has to be told from the rest."""
        best = self._best(query, question, _looked_at(query), stages)
        with stages.timed("count"):
            count = self._index.count(question.passing)
            best = self._with_copies(query, question, best)
        with stages.timed("judge"):
            judge = Judge(
                Asked(query.terms, encoded, question.words, count),
                best[:MATCHING],
                self._index,
                self._calibration,
                self._prompts,
            )
            best = judge.judged(best)
        verdict = judge.verdict(best[:TELLING])
        matches, more = (None, False) if verdict is None else _good(best[:MATCHING])
        if query.min_strength:
            return _Answer(*self._strong(query, best), verdict, matches, more)
        hits, total = self._found(query, question, best, count, stages)
        with stages.timed("judge"):
            return _Answer(judge.judged(hits), total, verdict, matches, more)

    def _with_copies(self, query: Query, question: Question, hits: Sequence[Hit]) -> list[Hit]:
        return counted(self._index, hits, question.passing) if query.folds else list(hits)

    def _best(self, query: Query, question: Question, count: int, stages: Stages) -> list[Hit]:
        with stages.timed("rank"):
            return self._ranker.page(question, limit=count, fold=query.folds)

    def _strong(self, query: Query, best: Sequence[Hit]) -> tuple[list[Hit], int]:
        """Of the best matches those that are strong enough, or whose strength is not known. Pages of them join."""
        strong = [hit for hit in best if hit.strength is None or hit.strength >= query.min_strength]
        if query.by != "match":
            strong = _sorted(strong, query)
        strong = varied(strong, self._index.vectors, query.diversity)
        total = sum(hit.copies for hit in strong)
        return strong[query.offset : query.offset + query.limit], total

    def _found(
        self, query: Query, question: Question, best: Sequence[Hit], count: int, stages: Stages
    ) -> tuple[list[Hit], int]:
        """The page's hits and how many there are; `best` are the best matches, `count` all that can be found."""
        start, end = query.offset, query.offset + query.limit
        by_match = query.by == "match"
        if by_match and not query.diversity and (end <= len(best) or len(best) < MATCHING):
            return list(best[start:end]), count
        words_alone = question.main.list == "words" and query.within is None  # whatever holds a word is a match
        if not by_match and not words_alone:
            chosen = best[: query.within or MATCHING]
            return _sorted(chosen, query)[start:end], sum(hit.copies for hit in chosen)
        with stages.timed("rank"):
            if by_match:
                hits = self._ranker.page(
                    question, limit=query.limit, offset=start, fold=query.folds, diversity=query.diversity
                )
            else:
                hits = self._ranker.hits(question, self._ordered(query, question.passing))
        with stages.timed("count"):
            return self._with_copies(query, question, hits), count

    def facets(
        self, query: Query, fields: Iterable[FacetField], *, limit: int = 20, going: Callable[[], object] = go_on
    ) -> dict[FacetField, Facet]:
        """Facets of everything that the query can find, as `total` counts it; see search.facets.facet for the errors.

        What pictures show has no end of matches, so words and pictures narrow nothing down: the filter does, and by
        captions alone having one, by words alone holding one of them.
        """
        passing = _passing(query)
        if query.terms and (weights := query.weights or self._weights).image == 0:
            texts = [term for term in query.terms if isinstance(term, TextTerm)]
            spoken = any(term.weight > 0 for term in texts)
            passing = findable("caption" if weights.caption and spoken else "words", passing, _wanted(texts))
        found: dict[FacetField, Facet] = {}
        for field in fields:
            going()
            found[field] = facet(self._index, field, passing, limit=limit)
        return found

    def image(self, image_id: str) -> ImageRecord:
        """One image by its id. Raises ImageNotIndexed."""
        found = self._index.fetch([image_id])
        if image_id not in found:
            raise ImageNotIndexed(image_id)
        return found[image_id]

    def _prompts(self) -> Matrix:
        return self._bank(self._encoder())

    def _question(self, query: Query, passing: Filter, notices: list[str]) -> tuple[Question, Mapping[Term, Vector]]:
        """The lists that the query's terms can be compared with. Words go to all of them, pictures to `image`.

        Beside pictures, the lists of captions count by the words' share of the query.
        """
        weights = query.weights or self._weights
        texts = [term for term in query.terms if isinstance(term, TextTerm)]
        share = sum(abs(term.weight) for term in texts) / sum(abs(term.weight) for term in query.terms)
        wanted = _wanted(texts)
        spoken = any(term.weight > 0 for term in texts)
        encoded = self._encoded(query.terms if weights.image else texts if weights.caption and spoken else [], notices)
        probes = []
        if weights.image:
            probes.append(Probe("image", _composed(query.terms, encoded)))
        if weights.caption and spoken:
            probes.append(Probe("caption", _composed(texts, encoded)))
        if weights.words and texts and (wanted or probes):
            terms = _word_weights(texts)
            probes += [Probe("words", terms=terms)] if terms else []
        if not probes:
            raise InvalidQuery(
                "weights",
                weights,
                "a weight over 0 for a list that the query can be compared with: a picture has no captions' words, "
                "and words like 'the' are in none",
            )
        if texts:
            weights = replace(weights, caption=weights.caption * share, words=weights.words * share)
        return Question(tuple(probes), passing, weights, wanted), encoded

    def _encoded(self, terms: Sequence[Term], notices: list[str]) -> dict[Term, Vector]:
        if not terms:
            return {}
        encoder = self._encoder() if any(not isinstance(term, LikeTerm) for term in terms) else None
        if encoder is not None and encoder.fingerprint != self._index.info.fingerprint:
            raise ModelMismatch(self._index.info.model, encoder.name)
        remark = encoder.remark if encoder is not None else _remark(self._index.info.model)
        if remark:
            notices.append(remark)
        parts: dict[Term, Vector] = {}
        for term in terms:
            match term:
                case TextTerm(text=text):
                    assert encoder is not None
                    parts[term] = self._encode_text(encoder, text, notices)
                case ImageTerm(data=data):
                    assert encoder is not None
                    decoded = self._decoder().submit(data, DecodeRequest(encoder.pixels, tiles=True)).result()
                    assert decoded.pixels is not None
                    parts[term] = encode_pictures(encoder, [decoded.pixels])[0]
                case LikeTerm(id=image_id):
                    found = self._index.vectors([image_id])
                    if image_id not in found:
                        raise ImageNotIndexed(image_id)
                    parts[term] = found[image_id]
        return parts

    def _encode_text(self, encoder: Encoder, text: str, notices: list[str]) -> Vector:
        encoding = self._encoded_text(encoder.fingerprint, text)
        if encoding.truncated[0]:
            notices.append("the text is longer than the model reads: its end was not used")
        if encoding.unknown[0]:
            notices.append(f"the {encoder.name} model does not know: {', '.join(encoding.unknown[0])}")
        vector: Vector = encoding.vectors[0]
        return vector

    def _encode_anew(self, _model: str, text: str) -> TextEncoding:
        return self._encoder().encode_texts([text])


@dataclass(frozen=True, slots=True)
class _Answer:
    hits: Sequence[Hit]
    total: int
    verdict: Verdict | None = None
    matches: int | None = None
    more_matches: bool = False


def _good(best: Sequence[Hit]) -> tuple[int, bool]:
    """How many pictures among the best are good matches, copies counted; and whether there may be more behind them."""
    good = [hit.strength is not None and hit.strength >= SOME for hit in best]
    matches = sum(hit.copies for hit, is_good in zip(best, good, strict=True) if is_good)
    return matches, len(best) == MATCHING and any(good[-_TAIL:])


def _looked_at(query: Query) -> int:
    """How many of the best matches are ranked and judged, whatever is shown of them."""
    if query.min_strength and query.by == "match":
        return LOOKED_AT
    return max(MATCHING, query.within or 0)


def _empty(query: Query) -> list[str]:
    """Of texts that say nothing of a picture: what to ask instead, where nothing else is looked for."""
    texts = [
        term.text.strip() for term in query.terms if isinstance(term, TextTerm) and not analysis.has_content(term.text)
    ]
    looked_for = [term for term in query.terms if term.weight > 0]
    if any(not isinstance(term, TextTerm) or analysis.has_content(term.text) for term in looked_for):
        return [f"“{text}” says nothing of a picture, and was passed over" for text in texts]
    return [
        f"“{text}” says nothing of a picture, so what is found is no match: name what is to be seen, "
        "such as “a dog on the beach”"
        for text in texts
    ]


def _sorted(hits: Sequence[Hit], query: Query) -> list[Hit]:
    """In the query's order, which is not that of the match."""
    known = {hit.record.id: hit for hit in hits}
    return [known[record.id] for record in in_order((hit.record for hit in hits), query.by, reverse=query.reverse)]


def _hashes(records: Sequence[ImageRecord]) -> list[str | None]:
    return [record.content_hash for record in records]


def _passing(query: Query) -> Filter:
    """Failed files only where the query browses and asks for them."""
    return query.filter if query.filter.asks_for("status") and not query.terms else INDEXED & query.filter


def _wanted(texts: Sequence[TextTerm]) -> tuple[tuple[str, ...], ...]:
    asked = (forms for term in texts if term.weight > 0 for forms in analysis.asked_words(term.text))
    return tuple(dict.fromkeys(asked))


def _composed(terms: Sequence[Term], encoded: Mapping[Term, Vector]) -> Vector:
    return vectors.compose([encoded[term] for term in terms], [term.weight for term in terms])


def _word_weights(texts: Sequence[TextTerm]) -> dict[str, float]:
    """Each word with the weights of the texts that hold it, in units of the heaviest; without what cancels out.

    Of long texts the first words alone.
    """
    weights: dict[str, float] = {}
    for term in texts:
        for word in analysis.query_weights(term.text):
            weights[word] = weights.get(word, 0.0) + term.weight
    most = max((abs(weight) for weight in weights.values()), default=0.0)
    told = {word: weight / most for word, weight in weights.items() if abs(weight) > 1e-6 * most}
    return dict(islice(told.items(), _WORDS))


def _remark(model: str) -> str | None:
    """What the table says of a model that need not be loaded to compare its vectors."""
    card = model_catalog.find(model, "encoder")
    return card.remark if card else None
