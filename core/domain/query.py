"""What may be asked: Query and Filter, validated once, here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from core.domain.filters import EVERYTHING, Filter
from core.domain.ids import POINT_ID
from core.errors import InvalidQuery
from core.text import analysis

MAX_LIMIT = 10_000
MAX_TEXT = 10_000
MAX_TERMS = 50

Sort = Literal["match", "modified", "taken", "name"]
SORTS: tuple[Sort, ...] = get_args(Sort)


def _check_weight(weight: float) -> None:
    if not (-100 <= weight <= 100) or weight == 0:  # also refuses NaN
        raise InvalidQuery("weight", weight, "a number from -100 to 100, not 0")


@dataclass(frozen=True, slots=True)
class TextTerm:
    """Words to look for; a negative weight pushes away from them."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        if not self.text.strip():
            raise InvalidQuery("text", self.text, "at least one word")
        if not (self.text.isascii() or analysis.is_unicode(self.text)):
            raise InvalidQuery("text", self.text, "text that is valid Unicode")
        if len(self.text) > MAX_TEXT:
            raise InvalidQuery("text", f"{len(self.text)} characters", f"at most {MAX_TEXT}")


@dataclass(frozen=True, slots=True)
class ImageTerm:
    """A picture to look for, as the bytes of an image file."""

    data: bytes
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        if not self.data:
            raise InvalidQuery("image", "an empty file", "the bytes of an image file")


@dataclass(frozen=True, slots=True)
class LikeTerm:
    """An image of the library to look for ("more like this"), by its id."""

    id: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        if not POINT_ID.fullmatch(self.id):
            raise InvalidQuery("like", self.id, "the id of an indexed image (a UUID)")


Term = TextTerm | ImageTerm | LikeTerm


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each list counts in a ranking; 0 leaves it out.

    `image`: what the pictures show; `caption`: what their captions mean; `words`: the captions' very words (BM25).
    The latter two are asked by the words of a query alone.
    """

    image: float = 1.0
    caption: float = 0.05
    words: float = 0.5

    def __post_init__(self) -> None:
        for name in ("image", "caption", "words"):
            weight = getattr(self, name)
            if not 0 <= weight <= 100:  # also refuses NaN
                raise InvalidQuery(f"weight of {name}", weight, "a number from 0 to 100")
        if not (self.image or self.caption or self.words):
            raise InvalidQuery("weights", (0, 0, 0), "at least one weight over 0")


def weighed(given: Mapping[str, float], usual: Weights) -> Weights:
    """The usual weights, but for those of the lists that are given. Raises InvalidQuery."""
    for name in given:
        if name not in Weights.__dataclass_fields__:
            raise InvalidQuery("weights", name, "a list to weigh: image, caption or words")
    return replace(usual, **given)


OperatorKind = Literal["word", "phrase", "file", "taken"]


@dataclass(frozen=True, slots=True)
class Operator:
    """A part of a question that is a condition: as it was typed, what it names, and what it lets pass."""

    typed: str
    kind: OperatorKind
    value: str
    filter: Filter
    leaves_out: bool = False


@dataclass(frozen=True, slots=True)
class Guess:
    """A part of a question that is searched as words and may be meant as an operator. `sure`: it can be little else."""

    typed: str
    operator: Operator
    sure: bool


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How the text of a question was understood (query_language.parser); its operators are in the query's filter."""

    operators: tuple[Operator, ...] = ()
    guesses: tuple[Guess, ...] = ()
    remarks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operators or self.guesses or self.remarks)

    def __add__(self, other: "Interpretation") -> "Interpretation":
        return Interpretation(
            self.operators + other.operators, self.guesses + other.guesses, self.remarks + other.remarks
        )


AS_TYPED = Interpretation()


@dataclass(frozen=True, slots=True)
class Query:
    """What to find. Without terms it browses what passes the filter.

    `weights`: None for those of the settings. `sort`: None for the best match first, or where nothing is compared for
    the latest change first; dates are sorted from the latest on, names from A, `reverse` the other way round.
    Sorted otherwise than by match, what is sorted are the `within` best matches (None: a number that fits the query).
    `diversity`: from 0 (the best match first) to 1 (as unlike each other as can be), in what order the best of the hits
    come (core.search.mmr); only where they are sorted by match.
    `min_strength`: weaker hits are left out (core.search.relevance); with it, the best matches alone are looked at.
    `exact`: more candidates than usual, scored by whole vectors, for an index that is quantised (exact_rerank).
    `fold`: pictures of the same bytes are one hit, in every order the first of them. See `folds`.
    `interpretation`: what the answer has to tell of how the question was understood (core.query_language.hints).
    """

    terms: tuple[Term, ...] = ()
    filter: Filter = EVERYTHING
    limit: int = 20
    offset: int = 0
    weights: Weights | None = None
    sort: Sort | None = None
    reverse: bool = False
    within: int | None = None
    min_strength: float = 0.0
    fold: bool = True
    diversity: float = 0.0
    exact: bool = False
    interpretation: Interpretation = AS_TYPED

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidQuery("limit", self.limit, f"a number from 1 to {MAX_LIMIT}")
        if not 0 <= self.offset <= MAX_LIMIT:
            raise InvalidQuery("offset", self.offset, f"a number from 0 to {MAX_LIMIT}")
        if len(self.terms) > MAX_TERMS:
            raise InvalidQuery("terms", f"{len(self.terms)} of them", f"at most {MAX_TERMS}")
        if self.terms and not any(term.weight > 0 for term in self.terms):
            raise InvalidQuery("weight", [term.weight for term in self.terms], "at least one term with a weight over 0")
        if self.sort is not None and self.sort not in SORTS:
            raise InvalidQuery("sort", self.sort, "one of " + ", ".join(SORTS))
        if self.sort == "match" and not self.terms:
            raise InvalidQuery("sort", self.sort, "modified, taken or name where there is nothing to match")
        if self.reverse and self.by == "match":
            raise InvalidQuery("reverse", self.reverse, "a sort by modified, taken or name; matches come best first")
        if self.within is not None and not 1 <= self.within <= MAX_LIMIT:
            raise InvalidQuery("within", self.within, f"a number from 1 to {MAX_LIMIT}")
        if self.within is not None and (not self.terms or self.by == "match"):
            raise InvalidQuery("within", self.within, "matches that are sorted by modified, taken or name")
        if not 0 <= self.min_strength <= 1:  # also refuses NaN
            raise InvalidQuery("min_strength", self.min_strength, "a number from 0 to 1")
        if self.min_strength and not self.terms:
            raise InvalidQuery("min_strength", self.min_strength, "0 where there is nothing to match")
        if not 0 <= self.diversity <= 1:  # also refuses NaN
            raise InvalidQuery("diversity", self.diversity, "a number from 0 to 1")
        if self.diversity and self.by != "match":
            raise InvalidQuery("diversity", self.diversity, f"0 where hits are sorted by {self.by}, not by match")

    @property
    def by(self) -> Sort:
        """What the answer is sorted by."""
        return self.sort or ("match" if self.terms else "modified")

    @property
    def folds(self) -> bool:
        """Not where a filter asks for content hashes, that is for copies, or for a status: every failure is told."""
        if not self.fold or self.filter == EVERYTHING:
            return self.fold
        return not (self.filter.asks_for("content_hash") or self.filter.asks_for("status"))
