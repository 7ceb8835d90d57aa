"""A search as data: its terms, its options and the weights of its rank lists, validated once, here."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, Literal, TypedDict, get_args, get_type_hints

from core.domain.filtering.filters import EVERYTHING, Filter
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
    `text`: what is written in them; `place`: where they were taken; `name`: their files' and folders' names.
    All but the first are asked by the words of a query alone.
    """

    image: float = 1.0
    caption: float = 0.05
    words: float = 0.5
    text: float = 0.5
    place: float = 0.5
    name: float = 0.3

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            weight = getattr(self, name)
            if not 0 <= weight <= 100:  # also refuses NaN
                raise InvalidQuery(f"weight of {name}", weight, "a number from 0 to 100")
        if not any(getattr(self, name) for name in self.__dataclass_fields__):
            raise InvalidQuery("weights", "0 for every list", "at least one weight over 0")

    @classmethod
    def only(cls, **weights: float) -> "Weights":
        """Weigh the lists that are given, and no other."""
        return cls(**(dict.fromkeys(cls.__dataclass_fields__, 0.0) | weights))


def merge_weights(given: Mapping[str, float], usual: Weights) -> Weights:
    """The usual weights, but for those of the lists that are given. Raises InvalidQuery."""
    for name in given:
        if name not in Weights.__dataclass_fields__:
            raise InvalidQuery("weights", name, "a list to weigh: " + ", ".join(Weights.__dataclass_fields__))
    return replace(usual, **given)


OperatorName = Literal[
    "file", "taken", "camera", "lens", "near", "box", "place", "rating", "keyword", "person", "incomplete", "text"
]
OperatorKind = Literal["word", "phrase"] | OperatorName
OPERATOR_NAMES: tuple[OperatorName, ...] = get_args(OperatorName)


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


def _describe(description: str, ge: float | None = None, le: float | None = None) -> dict[str, Any]:
    """Describe a number or a flag: what it does, its least and its greatest value.

    Pydantic reads the same metadata, so the bodies of the HTTP API inherit the options with their limits.
    """
    limits = {} if ge is None else {"ge": ge, "le": le}
    return {"description": description, "strict": True, **limits}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """Options of a search, declared once for the command line, the HTTP API, the page and Python.

    `sort`: None for the best match first, or for the latest change first where nothing is compared. Dates are sorted
    from the latest on, names from A, `reverse` the other way round. `within`: None for a number that fits the query.
    `min_strength` (core.search.relevance) and `diversity` (core.search.mmr) look at the best matches alone.
    """

    sort: Sort | None = field(default=None, metadata={"description": "Best match first, latest first, or by name."})
    reverse: bool = field(default=False, metadata=_describe("Earliest first; names from Z."))
    within: int | None = field(
        default=None, metadata=_describe("How many of the best matches are sorted.", ge=1, le=MAX_LIMIT)
    )
    min_strength: float = field(
        default=0.0,
        metadata=_describe("Leave out what matches less well; 0.5 is some match, 0.8 a strong one.", ge=0, le=1),
    )
    diversity: float = field(
        default=0.0,
        metadata=_describe("How unlike each other the first hits are to be; 0: the best match first.", ge=0, le=1),
    )
    exact: bool = field(
        default=False, metadata=_describe("Rerank by the mirror's whole vectors, where the index is quantised.")
    )
    fold: bool = field(
        default=True, metadata=_describe("Files of the same bytes are one hit, counted; so are a RAW and its JPEG.")
    )
    limit: int = field(default=20, metadata=_describe("How many.", ge=1, le=MAX_LIMIT))
    offset: int = field(default=0, metadata=_describe("Skip the first ones.", ge=0, le=MAX_LIMIT))


class QueryKeywords(TypedDict, total=False):
    """The fields of QueryOptions, as keyword arguments of a function."""

    sort: Sort | None
    reverse: bool
    within: int | None
    min_strength: float
    diversity: float
    exact: bool
    fold: bool
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One of the QueryOptions: of this type, or None by default. A number lies from `low` to `high`."""

    name: str
    type: Any
    default: Any
    description: str
    low: Any
    high: Any


def _list_options() -> tuple[OptionSpec, ...]:
    types = get_type_hints(QueryOptions)
    return tuple(
        OptionSpec(
            name=one.name,
            type=_without_none(types[one.name]),
            default=one.default,
            description=one.metadata["description"],
            low=one.metadata.get("ge"),
            high=one.metadata.get("le"),
        )
        for one in fields(QueryOptions)
    )


def _without_none(kind: Any) -> Any:
    return get_args(kind)[0] if type(None) in get_args(kind) else kind


OPTIONS = _list_options()


@dataclass(frozen=True, slots=True)
class Query(QueryOptions):
    """What to find. Without terms it browses what passes the filter.

    `weights`: None for those of the settings. `interpretation`: what the answer has to tell of how the question was
    understood (core.query_language.hints). Raises InvalidQuery for options that do not go together.
    """

    terms: tuple[Term, ...] = ()
    filter: Filter = EVERYTHING
    _: KW_ONLY
    weights: Weights | None = None
    interpretation: Interpretation = AS_TYPED

    def __post_init__(self) -> None:
        self._check_ranges()
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
        if self.within is not None and (not self.terms or self.by == "match"):
            raise InvalidQuery("within", self.within, "matches that are sorted by modified, taken or name")
        if self.min_strength and not self.terms:
            raise InvalidQuery("min_strength", self.min_strength, "0 where there is nothing to match")
        if self.diversity and self.by != "match":
            raise InvalidQuery("diversity", self.diversity, f"0 where hits are sorted by {self.by}, not by match")

    def _check_ranges(self) -> None:
        for option in OPTIONS:
            value = getattr(self, option.name)
            if value is None or option.low is None or option.high is None:
                continue
            if not option.low <= value <= option.high:  # also refuses NaN
                raise InvalidQuery(option.name, value, f"a number from {option.low} to {option.high}")

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
