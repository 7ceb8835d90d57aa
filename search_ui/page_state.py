"""What the page shows, as a value: to and from the query parameters of its address, and on to a Query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.errors import InvalidQuery
from core.identity import POINT_ID
from core.query import MAX_LIMIT, MAX_TEXT, Filter, ImageTerm, LikeTerm, Match, Query, Term, TextTerm, caption_words

PAGE = 60
EVEN = 50
MAX_CHIPS = 20
MAX_CHIP = 100

_HASH = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class PageState:
    """Everything that a link to the page carries.

    `like` is the id of an image of the library, `upload` the name of an uploaded picture (which only the process that
    received it knows). `balance` is the picture's share of the question in per cent, the rest being the words'; it
    counts only where both are given. `least` is the strength in hundredths below which nothing is shown, where there is
    anything to compare with. `limit` is how many pictures are shown, `view` the id of the one shown large.
    `copies` is a content hash: only files of these bytes, each for itself.
    """

    text: str = ""
    must: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    like: str | None = None
    upload: str | None = None
    balance: int = EVEN
    least: int = 0
    limit: int = PAGE
    view: str | None = None
    copies: str | None = None

    @property
    def asks(self) -> bool:
        """Whether there is anything to compare with; otherwise the page browses."""
        return bool(self.text or self.like or self.upload)

    @property
    def filters(self) -> bool:
        return bool(self.must or self.any_of or self.none_of or self.copies)

    @property
    def blends(self) -> bool:
        """Whether words and a picture are both given, so that `balance` counts."""
        return bool(self.text and (self.like or self.upload))

    @property
    def weakest(self) -> int:
        """The `least` that counts."""
        return self.least if self.asks else 0

    def asking(self, **changes: object) -> "PageState":
        """The state after a change of the question: from the first page, with nothing opened."""
        return replace(self, **({"limit": PAGE, "view": None} | changes))  # type: ignore[arg-type]

    def question(self) -> "PageState":
        """The part that decides the answer: two states with the same question show the same pictures."""
        return replace(self, view=None, balance=self.balance if self.blends else EVEN, least=self.weakest)

    def query(self, picture: bytes | None) -> Query:
        """`picture` is the uploaded one's bytes; None leaves it out. Raises InvalidQuery."""
        share = self.balance / 100 if self.blends else 1.0
        terms: list[Term] = []
        if self.text and (not self.blends or share < 1):
            terms.append(TextTerm(self.text, 1 - share if self.blends else 1.0))
        if self.like and share > 0:
            terms.append(LikeTerm(self.like, share))
        if self.upload and picture and share > 0:
            terms.append(ImageTerm(picture, share))
        passing = caption_words(self.must, self.any_of, self.none_of)
        if self.copies:
            passing &= Filter(all=(Match("content_hash", (self.copies,)),))
        least = self.weakest / 100 if terms else 0.0
        return Query(tuple(terms), passing, limit=self.limit, min_strength=least)


def from_params(params: Mapping[str, Sequence[str]]) -> PageState:
    """Reads what it can: a parameter that makes no sense counts as absent, so an old or mangled link still opens."""
    return PageState(
        text=_first(params, "q")[:MAX_TEXT].strip(),
        must=_chips(params.get("must", ())),
        any_of=_chips(params.get("any", ())),
        none_of=_chips(params.get("not", ())),
        like=_named(params, "like", POINT_ID),
        upload=_named(params, "picture", _UPLOAD),
        balance=_number(params, "w", EVEN, 0, 100),
        least=_number(params, "s", 0, 0, 100),
        limit=_number(params, "n", PAGE, PAGE, MAX_LIMIT),
        view=_named(params, "view", POINT_ID),
        copies=_named(params, "copies", _HASH),
    )


def to_params(state: PageState) -> dict[str, list[str]]:
    """Only what differs from an untouched page, so that addresses stay short."""
    params = {
        "q": [state.text] if state.text else [],
        "must": list(state.must),
        "any": list(state.any_of),
        "not": list(state.none_of),
        "like": [state.like] if state.like else [],
        "picture": [state.upload] if state.upload else [],
        "w": [str(state.balance)] if state.balance != EVEN else [],
        "s": [str(state.least)] if state.least else [],
        "n": [str(state.limit)] if state.limit != PAGE else [],
        "view": [state.view] if state.view else [],
        "copies": [state.copies] if state.copies else [],
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


def _chips(values: Sequence[str]) -> tuple[str, ...]:
    clean = (" ".join(value.split())[:MAX_CHIP].strip() for value in values)
    return tuple(dict.fromkeys(chip for chip in clean if chip))[:MAX_CHIPS]
