"""Groups of duplicates, made of compared pairs.

A chain of near pairs joins nothing that is unlike: every picture of a group is a duplicate of its largest. A small copy
can match two pictures that differ. It belongs to neither group, since nothing tells which picture it is a copy of.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from core.duplicates.similarity import Verdict

T = TypeVar("T")


def components(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """What is joined by pairs, each sorted (disjoint sets with path halving: Tarjan & van Leeuwen, JACM 31:2, 1984)."""
    above: dict[str, str] = {}

    def top(one: str) -> str:
        above.setdefault(one, one)
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    for one, other in pairs:
        first, second = sorted((top(one), top(other)))
        above[second] = first
    members: dict[str, list[str]] = {}
    for one in sorted(above):
        members.setdefault(top(one), []).append(one)
    return list(members.values())


def consistent(members: Sequence[T], pairs: Mapping[T, set[T]], verdict: Callable[[T, T], Verdict]) -> list[list[T]]:
    """Groups of two or more of `members`, which are joined by `pairs`; the best come first, and lead their groups.

    `pairs` tells of each member which others are the same. `verdict` compares two.
    """
    if len(members) == 2:
        return [list(members)]
    left, groups = list(members), []
    while left:
        lead = left.pop(0)
        same: list[T] = []
        others: list[T] = []
        for one in left:
            near = one in pairs[lead] or verdict(lead, one) is Verdict.SAME
            (same if near else others).append(one)
        unlike = {one for one in others if verdict(lead, one) is Verdict.DIFFERENT}
        sure = [one for one in same if not pairs[one] & unlike]
        if sure:
            groups.append([lead, *sure])
        left = others
    return groups
