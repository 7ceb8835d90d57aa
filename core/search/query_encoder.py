"""A query made ready for the index: its terms as vectors and words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from core.domain import model_catalog, vectors
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.query import ImageTerm, LikeTerm, Query, Term, TextTerm, Weights
from core.domain.vectors import Matrix, Vector
from core.errors import ImageNotIndexed, InvalidQuery, ModelMismatch
from core.imaging.decode_request import DecodeRequest
from core.ports.decoder import Decoder
from core.ports.encoders import Encoder, TextEncoding
from core.ports.rank_lists import Probe
from core.ports.vector_index import SearchableIndex
from core.search.ranker import Question
from core.search.tile_encoding import encode_pictures
from core.text import analysis
from core.text.word_lists import WORD_FIELDS

_WORDS = 64  # of a question that are looked for in captions
_KEPT = 256  # texts, and queries of texts: every further page of an answer asks for the same


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A question, and what its answer is measured by.

    `vectors` are those of its terms, (D,) float32 unit; `telling` are the terms among them that say anything of a
    picture. `bank` are the model's encoded prompts, (M, D) float32; None where no text is measured. `notices` are
    sentences for the person who asked.
    """

    question: Question
    vectors: Mapping[Term, Vector]
    telling: tuple[Term, ...]
    bank: Matrix | None
    notices: tuple[str, ...]


class QueryEncoder:
    """Encodes queries. Encoder and decoder are made at their first use: words alone need no model.

    `weights` are those of queries that have none. `bank` gives an encoder's prompts.
    """

    def __init__(
        self,
        encoder: Callable[[], Encoder],
        decoder: Callable[[], Decoder],
        weights: Weights,
        bank: Callable[[Encoder], Matrix],
    ) -> None:
        self._encoder = encoder
        self._decoder = decoder
        self.weights = weights
        self._bank = bank
        self._encode_text_once = lru_cache(_KEPT)(self._encode_text)
        self._encode_texts_once = lru_cache(_KEPT)(self._encode_texts)

    def encode(self, query: Query, index: SearchableIndex) -> EncodedQuery:
        """Encode the terms of a query that has any.

        Texts are compared with all lists, pictures with `image`. Beside pictures, the lists of captions count by the
        texts' share of the query. Raises InvalidQuery, ImageError, ImageNotIndexed, ModelError and LibraryError.
        """
        weights = query.weights or self.weights
        dense = query.terms if weights.image else _caption_terms(query.terms, weights)
        encoder = self._encoder() if any(not isinstance(term, LikeTerm) for term in dense) else None
        if encoder is not None and encoder.fingerprint != index.info.fingerprint:
            raise ModelMismatch(index.info.model, encoder.name)
        if all(isinstance(term, TextTerm) for term in query.terms):
            model = None if encoder is None else encoder.fingerprint
            return self._encode_texts_once(model, query.terms, query.filter, weights)
        notices = []
        remark = encoder.remark if encoder is not None else _find_remark(index.info.model)
        if remark and dense:
            notices.append(remark)
        found = _read_vectors([term for term in dense if isinstance(term, LikeTerm)], index)
        encoded = {
            term: found[term] if isinstance(term, LikeTerm) else self._encode_term(term, encoder, notices)
            for term in dense
        }
        return self._assemble(query.terms, encoded, query.filter, weights, encoder, notices)

    def _encode_texts(self, model: str | None, terms: Sequence[Term], filter: Filter, weights: Weights) -> EncodedQuery:
        """Encode a query of texts alone, which no index is needed for. `model` is None where the words are enough."""
        encoder = None if model is None else self._encoder()
        notices = [encoder.remark] if encoder is not None and encoder.remark else []
        dense = terms if weights.image else _caption_terms(terms, weights)
        encoded = {term: self._encode_term(term, encoder, notices) for term in dense}
        return self._assemble(terms, encoded, filter, weights, encoder, notices)

    def _encode_term(self, term: Term, encoder: Encoder | None, notices: list[str]) -> Vector:
        """Give the vector of a text or a picture, (D,) float32 unit, and add to the notices."""
        assert encoder is not None and not isinstance(term, LikeTerm)
        if isinstance(term, ImageTerm):
            decoded = self._decoder().submit(term.data, DecodeRequest(encoder.pixels, tiles=True)).result()
            assert decoded.pixels is not None
            picture: Vector = encode_pictures(encoder, [decoded.pixels])[0]
            return picture
        encoding = self._encode_text_once(encoder.fingerprint, term.text)
        if encoding.truncated[0]:
            notices.append("the text is longer than the model reads: its end was not used")
        if encoding.unknown[0]:
            notices.append(f"the {encoder.name} model does not know: {', '.join(encoding.unknown[0])}")
        vector: Vector = encoding.vectors[0]
        return vector

    def _encode_text(self, _model: str, text: str) -> TextEncoding:
        return self._encoder().encode_texts([text])

    def _assemble(
        self,
        terms: Sequence[Term],
        encoded: Mapping[Term, Vector],
        filter: Filter,
        weights: Weights,
        encoder: Encoder | None,
        notices: Sequence[str],
    ) -> EncodedQuery:
        texts = text_terms(terms)
        words = wanted_words(texts)
        probes = []
        if weights.image:
            probes.append(Probe("image", _compose(terms, encoded)))
        if weights.caption and seeks_text(texts):
            probes.append(Probe("caption", _compose(texts, encoded)))
        if texts and (words or probes) and (word_weights := _word_weights(texts)):
            probes += [Probe(name, terms=word_weights) for name in WORD_FIELDS if getattr(weights, name)]
        if not probes:
            raise InvalidQuery(
                "weights",
                weights,
                "a weight over 0 for a list that the query can be compared with: a picture has no captions' words, "
                "and words like 'the' are in none",
            )
        if texts:
            share = sum(abs(term.weight) for term in texts) / sum(abs(term.weight) for term in terms)
            weights = replace(weights, **{name: share * getattr(weights, name) for name in ("caption", *WORD_FIELDS)})
        question = Question(tuple(probes), INDEXED & filter, weights, words)
        telling = tuple(term for term in encoded if not isinstance(term, TextTerm) or analysis.has_content(term.text))
        measured = encoder is not None and any(isinstance(term, TextTerm) for term in telling)
        bank = self._bank(encoder) if encoder is not None and measured else None
        return EncodedQuery(question, encoded, telling, bank, (*notices, *_explain_empty_texts(terms)))


def _read_vectors(terms: Sequence[LikeTerm], index: SearchableIndex) -> dict[Term, Vector]:
    """Read the vectors of images of the library, all at once. Raises ImageNotIndexed."""
    found = index.vectors([term.id for term in terms]) if terms else {}
    for term in terms:
        if term.id not in found:
            raise ImageNotIndexed(term.id)
    return {term: found[term.id] for term in terms}


def text_terms(terms: Sequence[Term]) -> list[TextTerm]:
    """Keep the texts."""
    return [term for term in terms if isinstance(term, TextTerm)]


def seeks_text(texts: Sequence[TextTerm]) -> bool:
    """Say whether any text is looked for, not only avoided."""
    return any(term.weight > 0 for term in texts)


def wanted_words(texts: Sequence[TextTerm]) -> tuple[tuple[str, ...], ...]:
    """Give the words that are looked for, each as the forms of which a caption has to hold one."""
    words = (forms for term in texts if term.weight > 0 for forms in analysis.expand_query(term.text))
    return tuple(dict.fromkeys(words))


def _caption_terms(terms: Sequence[Term], weights: Weights) -> Sequence[Term]:
    """Keep the terms that are compared with the vectors of captions."""
    texts = text_terms(terms)
    return texts if weights.caption and seeks_text(texts) else []


def _compose(terms: Sequence[Term], encoded: Mapping[Term, Vector]) -> Vector:
    return vectors.compose([encoded[term] for term in terms], [term.weight for term in terms])


def _word_weights(texts: Sequence[TextTerm]) -> dict[str, float]:
    """Weigh each word by the texts that hold it, in units of the heaviest; without what cancels out.

    Of long texts, only the first words count.
    """
    weights: dict[str, float] = {}
    for term in texts:
        for word in analysis.query_weights(term.text):
            weights[word] = weights.get(word, 0.0) + term.weight
    most = max((abs(weight) for weight in weights.values()), default=0.0)
    scaled = {word: weight / most for word, weight in weights.items() if abs(weight) > 1e-6 * most}
    return dict(islice(scaled.items(), _WORDS))


def _explain_empty_texts(terms: Sequence[Term]) -> list[str]:
    """Say of texts that tell nothing of a picture what to ask instead, where nothing else is looked for."""
    empty = [term.text.strip() for term in text_terms(terms) if not analysis.has_content(term.text)]
    wanted = [term for term in terms if term.weight > 0]
    if any(not isinstance(term, TextTerm) or analysis.has_content(term.text) for term in wanted):
        return [f"“{text}” says nothing of a picture, and was passed over" for text in empty]
    return [
        f"“{text}” says nothing of a picture, so what is found is no match: name what is to be seen, "
        "such as “a dog on the beach”"
        for text in empty
    ]


def _find_remark(model: str) -> str | None:
    """Read from the table what it says of a model that need not be loaded to compare its vectors."""
    card = model_catalog.find(model, "encoder")
    return card.remark if card else None
