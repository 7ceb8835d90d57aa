"""What the page shows, as a value: to and from the query parameters of its address, and on to a Query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.domain.conditions import Match
from core.domain.filters import Condition, Filter, caption_words
from core.domain.ids import POINT_ID
from core.domain.query import MAX_LIMIT, MAX_TEXT, ImageTerm, LikeTerm, Query, Term, TextTerm
from core.errors import InvalidQuery
from core.query_language.parser import Parsed, compile_terms, parse
from core.search.facets import holding

PAGE = 60
EVEN = 50
MAX_CHIPS = 20
MAX_CHIP = 100
MAX_PICK = 2000

_HASH = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")


Pick = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PageState:
    """Everything that a link to the page carries.

    `only` and `without` are values of facets, as (field, value): words that captions hold or do not hold, and sources,
    years and orientations, of each of which one has to be true and none may be. `copies` is a content hash: only files
    of these bytes, each for itself. `like` is the id of an image of the library, `upload` the name of an uploaded
    picture (which only the process that received it knows). `balance` is the picture's share of the question in per
    cent, the rest being the words'; it counts only where both are given. `least` is the strength in hundredths below
    which nothing is shown, `variety` in hundredths how unlike each other the first matches are to be, both where there
    is anything to compare with. `limit` is how many pictures are shown, `view` the id of the one shown large.
    `duplicates`: what is there twice is shown instead of an answer, `limit` groups of it. `raw`: the text is searched
    as it was typed; otherwise it is a question of core.query_language.parser.
    """

    text: str = ""
    must: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    only: tuple[Pick, ...] = ()
    without: tuple[Pick, ...] = ()
    like: str | None = None
    upload: str | None = None
    balance: int = EVEN
    least: int = 0
    variety: int = 0
    limit: int = PAGE
    view: str | None = None
    copies: str | None = None
    duplicates: bool = False
    raw: bool = False

    @property
    def parsed(self) -> Parsed:
        """The text as it is understood. One that cannot be asked is but text here; the query says why."""
        try:
            return Parsed(self.text) if self.raw else parse(self.text)
        except InvalidQuery:
            return Parsed(self.text)

    @property
    def looks_for(self) -> bool:
        """Whether the text says what to look for, beside what its operators restrict."""
        return bool(self.parsed.text.strip())

    @property
    def worded(self) -> bool:
        """Whether `raw` counts."""
        return bool(self.raw and self.text)

    @property
    def asks(self) -> bool:
        """Whether there is anything to compare with; otherwise the page browses."""
        return bool(self.looks_for or self.like or self.upload)

    @property
    def filters(self) -> bool:
        return bool(self.must or self.any_of or self.none_of or self.only or self.without or self.copies)

    @property
    def filter(self) -> Filter:
        """Everything a picture has to pass."""
        return caption_words(self.must, self.any_of, self.none_of) & self.rest

    @property
    def rest(self) -> Filter:
        """The filter beside the caption words: what was chosen, and the operators of the text."""
        return self.chosen & self.parsed.filter

    @property
    def chosen(self) -> Filter:
        """`only`, `without` and `copies`."""
        alike: dict[str, list[Condition]] = {}
        for field, value in self.only:
            alike.setdefault(field, []).append(holding(field, value))
        words = alike.pop("word", [])
        copies = [Match("content_hash", (self.copies,))] if self.copies else []
        return Filter(
            all=(*words, *copies, *(Filter(any=tuple(conditions)) for conditions in alike.values())),
            none=tuple(holding(field, value) for field, value in self.without),
        )

    @property
    def blends(self) -> bool:
        """Whether words and a picture are both given, so that `balance` counts."""
        return bool(self.looks_for and (self.like or self.upload))

    @property
    def weakest(self) -> int:
        """The `least` that counts."""
        return self.least if self.asks else 0

    @property
    def varied(self) -> int:
        """The `variety` that counts."""
        return self.variety if self.asks else 0

    def asking(self, **changes: object) -> "PageState":
        """The state after a change of the question: from the first page, with nothing opened."""
        return replace(self, **({"limit": PAGE, "view": None, "duplicates": False} | changes))  # type: ignore[arg-type]

    def question(self) -> "PageState":
        """The part that decides the answer: two states with the same question show the same pictures."""
        balance = self.balance if self.blends else EVEN
        return replace(self, view=None, balance=balance, least=self.weakest, variety=self.varied, raw=self.worded)

    def unpicked(self, pick: Pick) -> "PageState":
        only, without = (tuple(one for one in picks if one != pick) for picks in (self.only, self.without))
        return replace(self, only=only, without=without)

    def query(self, picture: bytes | None) -> Query:
        """`picture` is the uploaded one's bytes; None leaves it out. Raises InvalidQuery."""
        share = self.balance / 100 if self.blends else 1.0
        said = 1 - share if self.blends else 1.0
        terms: list[Term] = [TextTerm(self.text, said or 1.0)] if self.text else []
        if self.like and share > 0:
            terms.append(LikeTerm(self.like, share))
        if self.upload and picture and share > 0:
            terms.append(ImageTerm(picture, share))
        asked = compile_terms(terms, caption_words(self.must, self.any_of, self.none_of) & self.chosen, raw=self.raw)
        if not said:
            asked["terms"] = tuple(term for term in asked["terms"] if not isinstance(term, TextTerm))
        least, diversity = (self.weakest / 100, self.varied / 100) if asked["terms"] else (0.0, 0.0)
        return Query(**asked, limit=self.limit, min_strength=least, diversity=diversity)

    def browsing(self) -> Query:
        """The newest that pass every filter. Raises InvalidQuery."""
        return replace(self.query(None), terms=(), min_strength=0.0, diversity=0.0)


def from_params(params: Mapping[str, Sequence[str]]) -> PageState:
    """Reads what it can: a parameter that makes no sense counts as absent, so an old or mangled link still opens."""
    return PageState(
        text=_first(params, "q")[:MAX_TEXT].strip(),
        must=_chips(params.get("must", ())),
        any_of=_chips(params.get("any", ())),
        none_of=_chips(params.get("not", ())),
        only=_picks(params.get("only", ())),
        without=_picks(params.get("without", ())),
        like=_named(params, "like", POINT_ID),
        upload=_named(params, "picture", _UPLOAD),
        balance=_number(params, "w", EVEN, 0, 100),
        least=_number(params, "s", 0, 0, 100),
        variety=_number(params, "v", 0, 0, 100),
        limit=_number(params, "n", PAGE, PAGE, MAX_LIMIT),
        view=_named(params, "view", POINT_ID),
        copies=_named(params, "copies", _HASH),
        duplicates=_first(params, "show") == "duplicates",
        raw=_first(params, "raw") == "1",
    )


def to_params(state: PageState) -> dict[str, list[str]]:
    """Only what differs from an untouched page, so that addresses stay short."""
    params = {
        "q": [state.text] if state.text else [],
        "must": list(state.must),
        "any": list(state.any_of),
        "not": list(state.none_of),
        "only": [":".join(pick) for pick in state.only],
        "without": [":".join(pick) for pick in state.without],
        "like": [state.like] if state.like else [],
        "picture": [state.upload] if state.upload else [],
        "w": [str(state.balance)] if state.balance != EVEN else [],
        "s": [str(state.least)] if state.least else [],
        "v": [str(state.variety)] if state.variety else [],
        "n": [str(state.limit)] if state.limit != PAGE else [],
        "view": [state.view] if state.view else [],
        "copies": [state.copies] if state.copies else [],
        "show": ["duplicates"] if state.duplicates else [],
        "raw": ["1"] if state.raw else [],
    }
    return {name: values for name, values in params.items() if values}


def searchable(chips: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Splits what was typed into a caption field: what captions can hold, and what they cannot ("the", "!")."""
    good: list[str] = []
    useless: list[str] = []
    for chip in _chips(chips):
        try:
            caption_words(must=[chip])
        except InvalidQuery:
            useless.append(chip)
        else:
            good.append(chip)
    return tuple(good), tuple(useless)


def _first(params: Mapping[str, Sequence[str]], name: str) -> str:
    values = params.get(name) or ("",)
    return values[-1]


def _named(params: Mapping[str, Sequence[str]], name: str, shape: re.Pattern[str]) -> str | None:
    value = _first(params, name)
    return value if shape.fullmatch(value) else None


def _number(params: Mapping[str, Sequence[str]], name: str, default: int, low: int, high: int) -> int:
    value = _first(params, name)
    if not (value.isascii() and value.isdigit() and len(value) < 8):
        return default
    return min(max(int(value), low), high)


def _picks(values: Sequence[str]) -> tuple[Pick, ...]:
    picks: list[Pick] = []
    for value in values:
        field, _, chosen = value.partition(":")
        try:
            holding(field, chosen)
        except InvalidQuery:
            continue
        if 0 < len(chosen) <= MAX_PICK:
            picks.append((field, chosen))
    return tuple(dict.fromkeys(picks))[:MAX_CHIPS]


def _chips(values: Sequence[str]) -> tuple[str, ...]:
    clean = (" ".join(value.split())[:MAX_CHIP].strip() for value in values)
    return tuple(dict.fromkeys(chip for chip in clean if chip))[:MAX_CHIPS]
