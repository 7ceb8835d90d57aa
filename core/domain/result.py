"""What a search answers: hits in their order, why each is there, and how well they match."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from core.domain.image import ImageRecord, ListName, to_answer
from core.text.word_lists import WORD_FIELDS, WordListName


@dataclass(frozen=True, slots=True)
class Standing:
    """A hit in one list: its score there (a cosine, or BM25) and its rank from 1 on, None beyond the list's best."""

    score: float
    rank: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One found image. `score` is the cosine of query and image in [-1, 1]; None where they were not compared.

    `match` is what ranks it: up to 1, the best of every list that was asked; None where nothing was. `standings` and
    `matched` say why: how it stands in every list that knows it, and which words of the query it holds.
    `strength` is how well it really matches, from 0 to 1 (core.search.relevance); None where that is not known.
    `copies` is how many found pictures it stands for, itself among them: those of the very same bytes, and the `raws`
    of which these are the JPEGs. `asked` are the words of the query, each with its dictionary forms.
    """

    record: ImageRecord
    score: float | None
    match: float | None = None
    standings: Mapping[ListName, Standing] = field(default_factory=dict)
    matched: tuple[str, ...] = ()
    strength: float | None = None
    copies: int = 1
    raws: int = 0
    asked: tuple[tuple[str, ...], ...] = ()

    def matched_in(self, name: WordListName) -> tuple[str, ...]:
        """Return which words of the query a list of words holds of it."""
        held = getattr(self.record, WORD_FIELDS[name])
        first = (next((form for form in forms if form in held), None) for forms in self.asked)
        return tuple(form for form in first if form is not None)

    @property
    def same_bytes(self) -> int:
        """How many found pictures of its bytes it stands for, itself among them."""
        return max(1, self.copies - self.raws)

    def to_dict(self) -> dict[str, Any]:
        """The hit as the terminal and programs see it.

        `captions` are all that is said of the image, and `texts` the same with who says so. `taken_at` is what the
        clock showed there: without a zone, or with its offset from UTC where that is known.
        """
        lists = {name: {"score": standing.score, "rank": standing.rank} for name, standing in self.standings.items()}
        compared = {"words", *self.standings}
        words = {name: list(self.matched_in(name)) if name in compared else [] for name in WORD_FIELDS}
        why = {"lists": lists} | words
        strength = None if self.strength is None else round(self.strength, 4)
        ranked = {"id": self.record.id, "score": self.score, "match": self.match, "strength": strength}
        texts = [{"text": text, "origin": origin} for text, origin in self.record.origins]
        told = {"caption": self.record.caption, "captions": list(self.record.texts), "texts": texts}
        return ranked | {"copies": self.copies, "raws": self.raws, "why": why} | to_answer(self.record) | told


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query; `notices` are sentences for the person who asked.

    `verdict` says what the best matches are worth, whichever page of them this is; None where that is not known.
    `degraded`: the mirror of the library answered, which was last equal to it at `as_of` (UTC) and now lacks `lacking`
    pictures; None where that is not known. `total` counts pictures, every copy of one too: the `copies` of all hits of
    all pages add up to it. `matches` says how many of the best 200 are good matches (a strength of 0.5 or more),
    copies counted; None where nothing was compared, or no strength is known. `more_matches`: those behind them, which
    are not judged, may be good ones too.
    """

    hits: tuple[Hit, ...]
    total: int
    backend: str
    degraded: bool = False
    notices: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    verdict: Literal["strong", "some", "none"] | None = None
    as_of: datetime | None = None
    lacking: int | None = None
    matches: int | None = None
    more_matches: bool = False

    @property
    def headline(self) -> tuple[str, ...]:
        """How much was found, for people: "6 good matches", "2,094 weaker"."""
        if self.matches is None or not self.total:
            return (f"{self.total:,} picture{'' if self.total == 1 else 's'}",)
        if self.more_matches:
            return f"{self.matches:,} good matches or more", f"of {self.total:,} pictures"
        good = f"{self.matches:,} good match{'' if self.matches == 1 else 'es'}" if self.matches else "no good match"
        weaker = self.total - self.matches
        return (good, f"{weaker:,} weaker") if weaker else (good,)

    def to_dict(self) -> dict[str, Any]:
        return {
            "hits": [hit.to_dict() for hit in self.hits],
            "total": self.total,
            "matches": self.matches,
            "more_matches": self.more_matches,
            "verdict": self.verdict,
            "backend": self.backend,
            "degraded": self.degraded,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "lacking": self.lacking,
            "notices": list(self.notices),
            "timings_ms": {name: round(ms, 2) for name, ms in self.timings_ms.items()},
        }
