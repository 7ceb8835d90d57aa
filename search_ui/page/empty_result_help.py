"""What to say when nothing is found, or when something stands in the way."""

from collections.abc import Callable, Iterator, Sequence

from core.domain.filters import EVERYTHING, INDEXED, Filter, caption_words
from core.domain.query import Operator


def why_nothing(
    count: Callable[[Filter], int],
    must: Sequence[str],
    any_of: Sequence[str],
    none_of: Sequence[str],
    rest: Filter = EVERYTHING,
    others: Sequence[tuple[str, Filter]] = (),
) -> list[str]:
    """Sentences on why no image passes the filters: the library is empty, or which filter to drop for how many.

    `count` counts the images that pass a filter. `rest` is the filter beside the caption words, `others` what is left
    of it without each of its parts, by their names. Costs one count a filter entry.
    """
    if not count(INDEXED):
        return ["the library holds no pictures yet"]
    left = [(name, words & rest) for name, words in _without_one(must, any_of, none_of)]
    left += [(f"“{name}”", caption_words(must, any_of, none_of) & other) for name, other in others]
    found = [(name, count(INDEXED & one)) for name, one in left]
    helpful = sorted((pair for pair in found if pair[1]), key=lambda pair: -pair[1])
    if helpful:
        return [f"without {name} there {_pictures(number)}" for name, number in helpful]
    return ["no single filter is to blame: drop several of them"] if found else []


def without_one(operators: Sequence[Operator]) -> Iterator[tuple[Operator, Filter]]:
    """Each operator of a question, with what the others let pass."""
    for n, operator in enumerate(operators):
        yield operator, Filter(all=tuple(other.filter for other in (*operators[:n], *operators[n + 1 :])))


def _pictures(number: int) -> str:
    return "is 1 picture" if number == 1 else f"are {number:,} pictures"


def _without_one(must: Sequence[str], any_of: Sequence[str], none_of: Sequence[str]) -> Iterator[tuple[str, Filter]]:
    for n, entry in enumerate(must):
        yield f"“{entry}”", caption_words([*must[:n], *must[n + 1 :]], any_of, none_of)
    if any_of:
        yield "“any of " + ", ".join(any_of) + "”", caption_words(must, (), none_of)
    for n, entry in enumerate(none_of):
        yield f"“not {entry}”", caption_words(must, any_of, [*none_of[:n], *none_of[n + 1 :]])
