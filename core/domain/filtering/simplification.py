"""A filter -> the plainest filter that is true of the same images.

Engines simplify filters too, and not all of them rightly. Qdrant 1.19.0 ignores an excluded condition that the same
filter asks for elsewhere. So contradictions and repetitions are decided here, before an engine sees them.
"""

from collections.abc import Iterable, Iterator, Sequence

from core.domain.filtering.conditions import Keyword, Match, Simple
from core.domain.filtering.filters import EVERYTHING, Condition, Filter

NOTHING = Filter(none=(EVERYTHING,))

_PASSES = 10  # each means the same; two or three leave nothing to do
_Known = frozenset[Simple]


def simplify(filter: Filter) -> Filter:
    """Drop repetitions, contradictions, filters of one condition and empty ones, at any depth.

    No condition of the answer is repeated below a filter that asks for it in `all` or rules it out in `none`.
    `EVERYTHING` and `NOTHING` are the answers for filters that are true of every image, or of none.
    """
    for _ in range(_PASSES):
        before, filter = filter, _simplify(filter, frozenset(), frozenset())
        if filter == before:
            break
    return filter


class _Conjunction:
    """What all has to be true of an image, taken apart as far as it goes."""

    def __init__(self, held: Iterable[Simple] = (), ruled_out: Iterable[Simple] = ()) -> None:
        self.held = dict.fromkeys(held)
        self.ruled_out = dict.fromkeys(ruled_out)
        self.choices: dict[tuple[Condition, ...], None] = {}  # one or more of each has to hold
        self.denied: dict[Filter, None] = {}  # which cannot be taken apart
        self.impossible = False

    def affirm(self, condition: Condition) -> None:
        if not isinstance(condition, Filter):
            self.held[condition] = None
            return
        for each in condition.all:
            self.affirm(each)
        for each in condition.none:
            self.deny(each)
        if condition.any:
            self.choose(condition.any)

    def choose(self, options: tuple[Condition, ...]) -> None:
        if len(options) == 1:
            self.affirm(options[0])
        else:
            self.choices[options] = None

    def deny(self, condition: Condition) -> None:
        match condition:
            case Filter((), (), ()):
                self.impossible = True
            case Filter((), options, ()):
                for each in options:
                    self.deny(each)
            case Filter((one,), (), ()):
                self.deny(one)
            case Filter((), (), excluded):  # none of them is not true: one or more of them are
                self.choose(excluded)
            case Filter():
                self.denied[condition] = None
            case _:
                self.ruled_out[condition] = None

    def decide(self, true: _Known, false: _Known) -> None:
        """Compare its simple conditions with each other, and with what is known already."""
        held = [_reduce(each, true, false.union(self.ruled_out)) for each in self.held]
        ruled_out = [_reduce(each, true.union(self.held), false) for each in self.ruled_out]
        self.impossible |= NOTHING in held or EVERYTHING in ruled_out
        self.held = dict.fromkeys(_drop_implied(_only_simple(held)))
        self.ruled_out = dict.fromkeys(_merge_values(_only_simple(ruled_out)))

    def filter(self) -> Filter:
        *others, last = self.choices or [()]  # in the order in which `affirm` takes them apart again
        asked = (*self.held, *(Filter(any=options) for options in others))
        return Filter(asked, last, (*self.ruled_out, *self.denied))


def _simplify(filter: Filter, true: _Known, false: _Known) -> Filter:
    """Simplify, for images of which all of `true` and none of `false` are true."""
    parts = _Conjunction()
    parts.affirm(filter)
    while True:
        parts.decide(true, false)
        if parts.impossible:
            return NOTHING
        known, excluded = true.union(parts.held), false.union(parts.ruled_out)
        inner = _Conjunction(parts.held, parts.ruled_out)
        for options in parts.choices:
            inner.affirm(_simplify_options(options, known, excluded))
        for denied in parts.denied:
            inner.deny(_simplify(denied, known, excluded))
        if inner.impossible:
            return NOTHING
        if inner.held == parts.held and inner.ruled_out == parts.ruled_out:
            return inner.filter()
        parts = inner


def _simplify_options(options: Sequence[Condition], true: _Known, false: _Known) -> Filter:
    """Simplify one or more of the options. Where a simple one is true, the others do not matter."""
    found = [_reduce(each, true, false) for each in options if not isinstance(each, Filter)]
    alone = false.union(_only_simple(found))
    for each in options:
        if isinstance(each, Filter):
            match _simplify(each, true, alone):
                case Filter((), parts, ()) if parts:
                    found += parts
                case Filter((one,), (), ()):
                    found.append(one)
                case made:
                    found.append(made)
    if EVERYTHING in found:
        return EVERYTHING
    nested = [each for each in found if isinstance(each, Filter) and each != NOTHING]
    kept = dict.fromkeys([*_merge_values(_only_simple(found)), *nested])
    return Filter(any=tuple(kept)) if kept else NOTHING


def _reduce(condition: Simple, true: _Known, false: _Known) -> Condition:
    """Reduce to EVERYTHING or NOTHING where what is known decides it; a Match loses values that cannot be held."""
    if not isinstance(condition, Match):
        return EVERYTHING if condition in true else NOTHING if condition in false else condition
    values = set(condition.values)
    if any(values.issuperset(one.values) for one in _of_same_field(condition, true)):
        return EVERYTHING
    for one in _of_same_field(condition, false):
        values.difference_update(one.values)
    return Match(condition.field, tuple(sorted(values))) if values else NOTHING


def _drop_implied(conditions: Sequence[Simple]) -> list[Simple]:
    """Drop those that follow from another one: what holds "a" holds "a" or "b"."""
    held = {each: set(each.values) for each in conditions if isinstance(each, Match)}
    return [
        each
        for each in conditions
        if not (isinstance(each, Match) and any(held[one] < held[each] for one in _of_same_field(each, held)))
    ]


def _merge_values(conditions: Iterable[Simple]) -> list[Simple]:
    """Merge alternatives: what holds one of two lists of values holds one of both together."""
    values: dict[Keyword, set[str]] = {}
    others: list[Simple] = []
    for each in conditions:
        if isinstance(each, Match):
            values.setdefault(each.field, set()).update(each.values)
        else:
            others.append(each)
    return [*(Match(field, tuple(sorted(held))) for field, held in values.items()), *others]


def _of_same_field(condition: Match, others: Iterable[Simple]) -> Iterator[Match]:
    return (other for other in others if isinstance(other, Match) and other.field == condition.field)


def _only_simple(conditions: Iterable[Condition]) -> list[Simple]:
    return [each for each in conditions if not isinstance(each, Filter)]
