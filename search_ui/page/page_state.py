"""The state of the page as a value: read from and written to the address's query parameters, and made into a Query."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import Condition, Filter, caption_words
from core.domain.ids import POINT_ID
from core.domain.query import MAX_LIMIT, MAX_TEXT, ImageTerm, LikeTerm, Query, QueryOptions, Term, TextTerm
from core.errors import InvalidQuery
from core.query_language.parser import Parsed, parse
from core.search.facets import holding
from core.search.request import build_query

PAGE = 60
EVEN_BALANCE = 50
MAX_CHIPS = 20
MAX_CHIP = 100
MAX_PICK = 2000

_HASH = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")


Pick = tuple[str, str]
Values = Sequence[str]  # of one query parameter


def _last(values: Values) -> str:
    return values[-1] if values else ""


def _read_picks(values: Sequence[str]) -> tuple[Pick, ...]:
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


def _read_chips(values: Sequence[str]) -> tuple[str, ...]:
    clean = (" ".join(value.split())[:MAX_CHIP].strip() for value in values)
    return tuple(dict.fromkeys(chip for chip in clean if chip))[:MAX_CHIPS]


def _param(name: str, default: object, read: Callable[[Values], object], write: Callable[[Any], Values]) -> Any:
    """Declare a field by its query parameter. `read` gives the default for values that make no sense."""
    return field(default=default, metadata={"param": name, "read": read, "write": write})


def _text_param(name: str) -> Any:
    return _param(name, "", lambda values: _last(values)[:MAX_TEXT].strip(), lambda text: [text])


def _chips_param(name: str) -> Any:
    return _param(name, (), _read_chips, list)


def _picks_param(name: str) -> Any:
    return _param(name, (), _read_picks, lambda picks: [":".join(pick) for pick in picks])


def _id_param(name: str, shape: re.Pattern[str]) -> Any:
    return _param(name, None, lambda values: _last(values) if shape.fullmatch(_last(values)) else None, lambda id: [id])


def _number_param(name: str, default: int, low: int, high: int) -> Any:
    def read(values: Values) -> int:
        value = _last(values)
        if not (value.isascii() and value.isdigit() and len(value) < 8):
            return default
        return min(max(int(value), low), high)

    return _param(name, default, read, lambda number: [str(number)])


def _flag_param(name: str, value: str) -> Any:
    return _param(name, False, lambda values: _last(values) == value, lambda _: [value])


@dataclass(frozen=True, slots=True)
class PageState:
    """Everything that a link to the page carries.

    `text`: what was typed, a question of core.query_language.parser. `raw`: search it as it was typed instead.
    `must`, `any_of`, `none_of`: words that captions hold all of, one of, or none of.
    `only`, `without`: values of facets to require or to leave out, as (field, value). Of those that a picture may have
    several of, which are words, text, keywords and people, all in `only` are required. Of sources, years, cameras and
    the like, one of each kind is.
    `copies`: a content hash; only files of these bytes are shown, each by itself.
    `like`: the id of a library's image to compare with.
    `upload`: the name of an uploaded picture to compare with. Only the process that received it knows it.
    `balance`: the picture's share of the question in per cent; the words have the rest. It counts where both are given.
    `min_strength`: hundredths of strength below which nothing is shown.
    `diversity`: hundredths, how unlike each other the first matches are to be. Both count where `asks` holds.
    `limit`: how many pictures are shown. `view`: the id of the one that is shown large.
    `duplicates`: show `limit` groups of duplicates instead of an answer.
    """

    text: str = _text_param("q")
    must: tuple[str, ...] = _chips_param("must")
    any_of: tuple[str, ...] = _chips_param("any")
    none_of: tuple[str, ...] = _chips_param("not")
    only: tuple[Pick, ...] = _picks_param("only")
    without: tuple[Pick, ...] = _picks_param("without")
    like: str | None = _id_param("like", POINT_ID)
    upload: str | None = _id_param("picture", _UPLOAD)
    balance: int = _number_param("w", EVEN_BALANCE, 0, 100)
    min_strength: int = _number_param("s", 0, 0, 100)
    diversity: int = _number_param("v", 0, 0, 100)
    limit: int = _number_param("n", PAGE, PAGE, MAX_LIMIT)
    view: str | None = _id_param("view", POINT_ID)
    copies: str | None = _id_param("copies", _HASH)
    duplicates: bool = _flag_param("show", "duplicates")
    raw: bool = _flag_param("raw", "1")

    @property
    def parsed(self) -> Parsed:
        """The parsed text. A text that cannot be parsed is plain text here; `query` raises the reason."""
        try:
            return Parsed(self.text) if self.raw else parse(self.text)
        except InvalidQuery:
            return Parsed(self.text)

    @property
    def has_text(self) -> bool:
        """Whether the text says what to look for, beside what its operators restrict."""
        return bool(self.parsed.text.strip())

    @property
    def is_raw(self) -> bool:
        """Whether there is a text that is searched as it was typed."""
        return bool(self.raw and self.text)

    @property
    def asks(self) -> bool:
        """Whether there is anything to compare with; otherwise the page browses."""
        return bool(self.has_text or self.like or self.upload)

    @property
    def filters(self) -> bool:
        """Whether any filter is on, beside the operators of the text."""
        return bool(self.must or self.any_of or self.none_of or self.only or self.without or self.copies)

    @property
    def filter(self) -> Filter:
        """The filter that every picture shown has to pass."""
        return caption_words(self.must, self.any_of, self.none_of) & self.rest

    @property
    def rest(self) -> Filter:
        """The filter without the caption words: facets, copies and the operators of the text."""
        return self.facet_filter & self.parsed.filter

    @property
    def facet_filter(self) -> Filter:
        """The filter of `only`, `without` and `copies`."""
        alike: dict[str, list[Condition]] = {}
        for name, value in self.only:
            alike.setdefault(name, []).append(holding(name, value))
        words = [one for name in ("word", "keyword", "person", "text") for one in alike.pop(name, [])]
        copies = [Match("content_hash", (self.copies,))] if self.copies else []
        return Filter(
            all=(*words, *copies, *(Filter(any=tuple(conditions)) for conditions in alike.values())),
            none=tuple(holding(field, value) for field, value in self.without),
        )

    @property
    def blends(self) -> bool:
        """Whether words and a picture are both given, so that `balance` counts."""
        return bool(self.has_text and (self.like or self.upload))

    @property
    def effective_min_strength(self) -> int:
        """`min_strength`, or 0 where there is nothing to compare with."""
        return self.min_strength if self.asks else 0

    @property
    def effective_diversity(self) -> int:
        """`diversity`, or 0 where there is nothing to compare with."""
        return self.diversity if self.asks else 0

    def change_question(self, **changes: object) -> "PageState":
        """Return the state with these changes, from the first page and with no picture opened."""
        return replace(self, **({"limit": PAGE, "view": None, "duplicates": False} | changes))  # type: ignore[arg-type]

    def question(self) -> "PageState":
        """Reduce the state to what decides the answer: states with the same question show the same pictures."""
        balance = self.balance if self.blends else EVEN_BALANCE
        return replace(
            self,
            view=None,
            balance=balance,
            min_strength=self.effective_min_strength,
            diversity=self.effective_diversity,
            raw=self.is_raw,
        )

    def drop_pick(self, pick: Pick) -> "PageState":
        """Return the state without this value of a facet in `only` and `without`."""
        only, without = (tuple(one for one in picks if one != pick) for picks in (self.only, self.without))
        return replace(self, only=only, without=without)

    def query(self, picture: bytes | None) -> Query:
        """Build the query. Raises InvalidQuery.

        `picture`: the bytes of the uploaded picture; None leaves it out.
        """
        share = self.balance / 100 if self.blends else 1.0
        text_share = 1 - share if self.blends else 1.0
        terms: list[Term] = [TextTerm(self.text, text_share or 1.0)] if self.text else []
        if self.like and share > 0:
            terms.append(LikeTerm(self.like, share))
        if self.upload and picture and share > 0:
            terms.append(ImageTerm(picture, share))
        query = build_query(
            terms,
            caption_words(self.must, self.any_of, self.none_of) & self.facet_filter,
            raw=self.raw,
            options=QueryOptions(limit=self.limit),
        )
        kept = tuple(term for term in query.terms if text_share or not isinstance(term, TextTerm))
        if not kept:
            return replace(query, terms=())
        return replace(
            query, terms=kept, min_strength=self.effective_min_strength / 100, diversity=self.effective_diversity / 100
        )

    def browse_query(self) -> Query:
        """Build the query for the newest pictures that pass every filter. Raises InvalidQuery."""
        return replace(self.query(None), terms=(), min_strength=0.0, diversity=0.0)


def from_params(params: Mapping[str, Sequence[str]]) -> PageState:
    """Read the state from query parameters, where they make sense.

    Any other parameter counts as absent, so that an old or mangled link still opens.
    """
    read = {one.name: one.metadata["read"](params.get(one.metadata["param"], ())) for one in fields(PageState)}
    return PageState(**read)


def to_params(state: PageState) -> dict[str, list[str]]:
    """Write the query parameters of what differs from an untouched page, so that addresses stay short."""
    values = {one: getattr(state, one.name) for one in fields(PageState)}
    return {
        one.metadata["param"]: one.metadata["write"](value) for one, value in values.items() if value != one.default
    }


def split_caption_words(chips: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the entries of a caption field into those that captions can hold and the useless ("the", "!")."""
    good: list[str] = []
    useless: list[str] = []
    for chip in _read_chips(chips):
        try:
            caption_words(must=[chip])
        except InvalidQuery:
            useless.append(chip)
        else:
            good.append(chip)
    return tuple(good), tuple(useless)
