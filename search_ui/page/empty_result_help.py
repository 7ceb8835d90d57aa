"""Help for an empty result: which filters to drop."""

from collections.abc import Callable, Iterator, Sequence

from core.domain.filtering.filters import EVERYTHING, INDEXED, Filter, caption_words
from core.domain.query import Operator


def explain_no_match(
    count: Callable[[Filter], int],
    must: Sequence[str],
    any_of: Sequence[str],
    none_of: Sequence[str],
    rest: Filter = EVERYTHING,
    others: Sequence[tuple[str, Filter]] = (),
) -> list[str]:
    """Write sentences on why no image passes the filters, and on what dropping each of them would find.

    `count` counts the images that pass a filter; it is called once an entry. `rest`: the filter beside the caption
    words. `others`: the parts of `rest` by name, each with the filter that remains without it.
    """
    if not count(INDEXED):
        return ["the library holds no pictures yet"]
    left = [(name, words & rest) for name, words in _drop_each_word(must, any_of, none_of)]
    left += [(f"“{name}”", caption_words(must, any_of, none_of) & other) for name, other in others]
    found = [(name, count(INDEXED & one)) for name, one in left]
    helpful = sorted((pair for pair in found if pair[1]), key=lambda pair: -pair[1])
    if helpful:
        return [f"without {name} there {_format_count(number)}" for name, number in helpful]
    return ["no single filter is to blame: drop several of them"] if found else []


def drop_each_operator(operators: Sequence[Operator]) -> Iterator[tuple[Operator, Filter]]:
    """Yield each operator of a question, with the filter of all others."""
    for n, operator in enumerate(operators):
        yield operator, Filter(all=tuple(other.filter for other in (*operators[:n], *operators[n + 1 :])))


def _format_count(number: int) -> str:
    return "is 1 picture" if number == 1 else f"are {number:,} pictures"


def _drop_each_word(must: Sequence[str], any_of: Sequence[str], none_of: Sequence[str]) -> Iterator[tuple[str, Filter]]:
    for n, entry in enumerate(must):
        yield f"“{entry}”", caption_words([*must[:n], *must[n + 1 :]], any_of, none_of)
    if any_of:
        yield "“any of " + ", ".join(any_of) + "”", caption_words(must, (), none_of)
    for n, entry in enumerate(none_of):
        yield f"“not {entry}”", caption_words(must, any_of, [*none_of[:n], *none_of[n + 1 :]])
