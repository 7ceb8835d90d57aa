"""How well a library finds what is known of its pictures, for every weighting of the rank lists.

No model is graded on the very words that it searches. A caption that people wrote is asked as a question. For that
question, its pictures' caption vectors and words are derived anew from their other captions. A picture without other
captions is in neither list. The inverse document frequencies stay as they are. Text in pictures, places and names are
searched as they are, since no caption is asked of them. The ranking is the product's, over exact
cosines: core.search.fusion, shortlists as long as core.search.ranker's, duplicates collapsed.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.image import ImageRecord, ListName
from core.domain.query import Weights
from core.domain.vectors import Matrix, Vector, unit
from core.evaluation.metrics import Figures
from core.ports.encoders import Encoder
from core.ports.rank_lists import Shortlist, by_score
from core.ports.scrolling import PAGE_SIZE, scroll_pages
from core.ports.vector_index import SearchableIndex
from core.search.fusion import fuse
from core.search.ranker import SHORTLIST
from core.text import analysis
from core.text.bm25 import document_weights, query_vector, record_weights
from core.text.word_lists import WORD_FIELDS, WordListName

ALIKE = 0.5  # the share of common words from which on two pictures are answers to each other
_HUMAN = Match("caption_origin", ("human",))

Scores = Mapping[ListName, NDArray[np.float64]]  # (N,) of every list; NaN for what the list does not know


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What is true of pictures beside what the library holds: captions by id, and questions with the ids they find."""

    captions: Mapping[str, str]
    questions: Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question whose answers are known, as rows of an EvaluationSet.

    `left`: of the rows that hold the question itself as a caption, what else is said of them.
    """

    text: str
    answers: frozenset[int]
    left: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


class EvaluationSet:
    """Searchable pictures of a library with all that they are ranked by, in memory. Rows are in the order of ids."""

    def __init__(self, pictures: Sequence[tuple[ImageRecord, Vector, Vector | None]], dimension: int) -> None:
        """Take pictures with their image vectors (D,), and the vectors of their captions where they have any."""
        found = sorted(pictures, key=lambda one: one[0].id)
        self.records = [record for record, _, _ in found]
        shape = (len(found), dimension)
        self.images: Matrix = np.array([image for _, image, _ in found], np.float32).reshape(shape)
        self.captions: Matrix = np.full(shape, np.nan, np.float32)
        for row, (_, _, caption) in enumerate(found):
            if caption is not None:
                self.captions[row] = caption
        first: dict[str, int] = {}
        self._same = [
            first.setdefault(record.content_hash or record.id, row) for row, record in enumerate(self.records)
        ]
        self._postings: dict[int, dict[int, float]] = defaultdict(dict)
        for row, record in enumerate(self.records):
            for term, weight in record_weights(record.documents).items():
                self._postings[term][row] = weight
        spoken = {name: [set(getattr(record, field)) for record in self.records] for name, field in WORD_FIELDS.items()}
        self._worded = {name: sum(map(bool, words)) for name, words in spoken.items()}
        self._holding = {name: Counter(chain.from_iterable(words)) for name, words in spoken.items()}

    @classmethod
    def read(cls, index: SearchableIndex, most: int) -> "EvaluationSet":
        """Read at most `most` pictures: first those that people captioned, then by their ids, which are hashes."""
        found: list[tuple[ImageRecord, Vector, Vector | None]] = []
        for passing in (INDEXED & Filter(all=(_HUMAN,)), INDEXED & Filter(none=(_HUMAN,))):
            found += _read_with_vectors(index, passing, most - len(found))
        return cls(found, index.info.dimension)

    @property
    def word_lists(self) -> list[WordListName]:
        """The lists of words that have any."""
        return [name for name, count in self._worded.items() if count]

    def human_questions(self) -> list[LabelledQuestion]:
        """Make a question of every caption that people wrote: it finds all pictures that have it in the same words."""
        rows: dict[str, dict[int, str]] = defaultdict(dict)
        for row, record in enumerate(self.records):
            for text in human_captions(record):
                rows[_normalize(text)].setdefault(row, text)
        found = []
        for bare, holding in rows.items():
            left = {row: tuple(t for t in self.records[row].texts if _normalize(t) != bare) for row in holding}
            found.append(
                LabelledQuestion(next(iter(holding.values())), frozenset(self._same[row] for row in holding), left)
            )
        return found

    def select_questions(self, known: GroundTruth) -> list[LabelledQuestion]:
        """Take the questions of the ground truth that pictures of this set answer."""
        rows = {record.id: self._same[row] for row, record in enumerate(self.records)}
        asked = [
            LabelledQuestion(text, frozenset(rows[i] for i in ids if i in rows))
            for text, ids in known.questions.items()
        ]
        return [one for one in asked if one.answers]

    def evaluate_texts(
        self, encoder: Encoder, asked: Sequence[LabelledQuestion], weighings: Mapping[str, Weights]
    ) -> dict[str, Figures]:
        """Measure how well texts find pictures, for every weighting by its name."""
        rankings: dict[str, list[tuple[list[int], dict[int, float]]]] = {name: [] for name in weighings}
        for one, found in zip(asked, self.rank(encoder, asked, list(weighings.values())), strict=True):
            gains = dict.fromkeys(one.answers, 1.0)
            for name, rows in zip(weighings, found, strict=True):
                rankings[name].append((rows, gains))
        return {name: Figures.of(found) for name, found in rankings.items()}

    def rank(
        self, encoder: Encoder, asked: Sequence[LabelledQuestion], weighings: Sequence[Weights]
    ) -> Iterator[list[list[int]]]:
        """Rank the rows on the shortlists of every question, for every weighting: best first, duplicates collapsed."""
        texts = list(dict.fromkeys(text for one in asked for text in (one.text, *chain(*one.left.values()))))
        vectors = dict(zip(texts, encoder.encode_texts(texts).vectors, strict=True)) if texts else {}
        for one in asked:
            scores = self._scores(one, vectors)
            short = {name: _shortlist(scores[name]) for name in scores}
            yield [self._collapse(_fuse_lists(short, scores, weights)) for weights in weighings]

    def evaluate_pictures(self, rows: Sequence[int], known: GroundTruth | None = None) -> Figures:
        """Measure how well pictures find pictures: answers share at least half of their captions' words (Jaccard).

        The gain is that share. Pictures that nothing answers are not asked.
        """
        spoken = [
            frozenset(analysis.analyse(known.captions.get(record.id, "")) if known else record.words)
            for record in self.records
        ]
        found = []
        for row in rows:
            itself = self._same[row]
            shares = {other: _jaccard(spoken[row], spoken[other]) for other in {*self._same} - {itself}}
            gains = {other: share for other, share in shares.items() if share >= ALIKE}
            if gains:
                cosines = (self.images @ self.images[row]).astype(np.float64)
                best = self._collapse(_best(cosines, SHORTLIST).tolist())
                found.append(([other for other in best if other != itself], gains))
        return Figures.of(found)

    def _collapse(self, rows: Sequence[int]) -> list[int]:
        """Replace each row by the first of its duplicates, each once."""
        return list(dict.fromkeys(self._same[row] for row in rows))

    def _scores(self, asked: LabelledQuestion, vectors: Mapping[str, Vector]) -> Scores:
        query = vectors[asked.text]
        captions = (self.captions @ query).astype(np.float64)
        for row, texts in asked.left.items():
            others = [vectors[text] for text in texts]
            captions[row] = float(unit(np.mean(others, axis=0)) @ query) if others else np.nan
        found: dict[ListName, NDArray[np.float64]] = {
            "image": (self.images @ query).astype(np.float64),
            "caption": captions,
        }
        return found | {name: self._word_scores(asked, name) for name in WORD_FIELDS}

    def _word_scores(self, asked: LabelledQuestion, name: WordListName) -> NDArray[np.float64]:
        """Score by one list of words, (N,). Only captions lack what is asked."""
        spoken = np.zeros(len(self.records))
        left = {row: document_weights(*texts) for row, texts in asked.left.items()} if name == "words" else {}
        wanted = analysis.query_weights(asked.text)
        for term, weight in query_vector(wanted, self._worded[name], self._holding[name], name).items():
            held = self._postings.get(term, {})
            for row, share in (held | {row: own.get(term, 0.0) for row, own in left.items()}).items():
                spoken[row] += weight * share
        spoken[spoken <= 0] = np.nan
        return spoken


def human_captions(record: ImageRecord) -> tuple[str, ...]:
    """Return the captions that people gave the image."""
    if record.caption_origin != "human":
        return ()
    return record.captions or ((record.caption,) if record.caption else ())


def _read_with_vectors(
    index: SearchableIndex, passing: Filter, most: int
) -> Iterator[tuple[ImageRecord, Vector, Vector | None]]:
    """Read the first `most` that pass, with their image and caption vectors."""
    left = most
    for page in scroll_pages(index.scroll, passing, page_size=min(PAGE_SIZE, most)) if most > 0 else ():
        ids = [record.id for record in page[:left]]
        images, captions = index.vectors(ids), index.vectors(ids, "caption")
        yield from ((record, images[record.id], captions.get(record.id)) for record in page if record.id in images)
        left -= len(ids)
        if left <= 0:
            return


def _normalize(text: str) -> str:
    return " ".join(analysis.tokenize(text))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _best(scores: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """Return the rows of the highest scores, best first, equal ones by row."""
    known = np.flatnonzero(~np.isnan(scores))
    if len(known) > limit:
        known = known[np.argpartition(-scores[known], limit - 1)[:limit]]
    order: NDArray[np.int64] = known[np.lexsort((known, -scores[known]))]
    return order


def _shortlist(scores: NDArray[np.float64]) -> Shortlist:
    return Shortlist.cut([(_id(row), float(scores[row])) for row in _best(scores, SHORTLIST)], SHORTLIST)


def _fuse_lists(short: Mapping[ListName, Shortlist], scores: Scores, weights: Weights) -> list[int]:
    """Fuse the shortlists that have a weight: their rows, best first."""
    asked = {name: one for name, one in short.items() if getattr(weights, name)}
    pool = {image_id: int(image_id) for one in asked.values() for image_id, _ in one.ranking}
    held = {
        name: {i: float(scores[name][row]) for i, row in pool.items() if not np.isnan(scores[name][row])}
        for name in asked
    }
    matches = dict.fromkeys(pool, 0.0) | fuse(asked, held, weights)
    return [pool[image_id] for image_id, _ in by_score(matches)]


def _id(row: int) -> str:
    """Make an id of a row: rows have the order of ids."""
    return f"{row:09}"
