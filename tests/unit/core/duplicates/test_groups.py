"""Groups out of pairs: chains, what fits two that differ, and what is left."""

from collections.abc import Iterable
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from core.duplicates.groups import components, consistent
from core.duplicates.similarity import Verdict

PAIRS = st.sets(st.sampled_from(list(combinations("abcdefgh", 2))))


def _grouped(members: str, pairs: Iterable[str], different: Iterable[str] = ()) -> list[list[str]]:
    """Pairs as "ab": what is not told to be the same or different cannot be compared."""
    same: dict[str, set[str]] = {one: set() for one in members}
    for one, other in pairs:
        same[one].add(other)
        same[other].add(one)
    unlike = {frozenset(pair) for pair in different}
    return consistent(
        list(members),
        same,
        lambda one, other: Verdict.DIFFERENT if frozenset((one, other)) in unlike else Verdict.UNKNOWN,
    )


def test_two_that_are_the_same_are_a_group() -> None:
    assert _grouped("ab", ["ab"]) == [["a", "b"]]


def test_all_of_a_group_are_the_same_as_the_first() -> None:
    assert _grouped("abc", ["ab", "bc"]) == [["a", "b"]]
    assert _grouped("abcd", ["ab", "bc", "cd"]) == [["a", "b"], ["c", "d"]]
    assert _grouped("abc", ["ab", "ac"]) == [["a", "b", "c"]]


def test_what_was_no_candidate_is_compared_before_it_is_left_out() -> None:
    same = {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}}
    assert consistent(list("abc"), same, lambda *_: Verdict.SAME) == [["a", "b", "c"]]


def test_what_is_the_same_as_two_that_differ_is_of_neither() -> None:
    assert _grouped("abc", ["ac", "bc"], ["ab"]) == []
    assert _grouped("abxyt", ["ax", "by", "at", "bt"], ["ab"]) == [["a", "x"], ["b", "y"]]


def test_components_are_what_is_joined() -> None:
    assert components([("c", "b"), ("x", "y"), ("a", "b")]) == [["a", "b", "c"], ["x", "y"]]
    assert components([]) == []


@given(PAIRS, PAIRS)
def test_no_group_holds_two_of_which_one_is_known_to_differ_from_its_first(
    pairs: set[tuple[str, str]], different: set[tuple[str, str]]
) -> None:
    pairs -= different
    same: dict[str, set[str]] = {}
    for one, other in pairs:
        same.setdefault(one, set()).add(other)
        same.setdefault(other, set()).add(one)

    def verdict(one: str, other: str) -> Verdict:
        return Verdict.DIFFERENT if tuple(sorted((one, other))) in different else Verdict.UNKNOWN

    for members in components(pairs):
        groups = consistent(members, same, verdict)
        found = [one for group in groups for one in group]
        assert len(found) == len(set(found)) and set(found) <= set(members)
        for lead, *others in groups:
            assert others and all(one in same[lead] and verdict(lead, one) is not Verdict.DIFFERENT for one in others)
