"""Maximal marginal relevance against its definition in fractions, and where it begins and ends."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.query import Query, TextTerm
from core.domain.result import Hit
from core.domain.vectors import Vector
from core.errors import InvalidQuery
from core.search.mmr import REACH, diversify, diversify_hits
from tests.support.made_up_images import image_id, record

Exact = tuple[Fraction, ...]


def _vectors(*parts: tuple[int, ...]) -> list[Exact]:
    return [tuple(Fraction(part, 5) for part in one) for one in parts]


UNITS = _vectors((5, 0, 0), (0, 5, 0), (3, 4, 0), (4, 3, 0), (0, 3, 4), (0, 0, 5), (-3, 0, 4), (-5, 0, 0))
cases = st.lists(
    st.tuples(st.integers(-2, 8).map(lambda n: Fraction(n, 8)), st.none() | st.sampled_from(UNITS)), max_size=12
).map(lambda drawn: sorted(drawn, key=lambda one: -one[0]))
shares = st.sampled_from([Fraction(n, 8) for n in range(9)])


def _float(vector: Exact | None) -> Vector | None:
    return None if vector is None else np.array([float(part) for part in vector], np.float32)


@given(cases, shares)
def test_each_next_one_is_the_best_by_the_definition(case: list[tuple[Fraction, Exact | None]], by: Fraction) -> None:
    def cosine(one: Exact, other: Exact) -> Fraction:
        return sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0))

    given = [vector for _, vector in case if vector is not None]
    least = min((cosine(one, other) for one in given for other in given), default=Fraction(0))

    def alike(one: Exact | None, other: Exact | None) -> Fraction:
        if one is None or other is None:
            return Fraction(0)
        return (cosine(one, other) - least) / (1 - least) if least < 1 else Fraction(1)

    order = diversify([float(match) for match, _ in case], [_float(vector) for _, vector in case], float(by))
    assert sorted(order) == list(range(len(case))) and order[:1] == [0][: len(case)]
    for rank in range(1, len(order)):
        worth = {
            n: (1 - by) * case[n][0] - by * max(alike(case[n][1], case[before][1]) for before in order[:rank])
            for n in order[rank:]
        }
        chosen = order[rank]
        assert worth[chosen] >= max(worth.values()) - Fraction(1, 10**5)
        assert all(n > chosen for n in worth if worth[n] == worth[chosen] and n != chosen)


def _hits(count: int) -> list[Hit]:
    return [Hit(record(n), None, 1 - n / count) for n in range(count)]


def _seen(ids: list[str]) -> dict[str, Vector]:
    """Pairs of twins: 0 and 1 show the same, 2 and 3, and so on."""
    return {i: np.eye(REACH, dtype=np.float32)[int(i.replace("-", ""), 16) // 2 % REACH] for i in ids}


def test_twins_come_apart() -> None:
    order = [hit.record.id for hit in diversify_hits(_hits(8), _seen, 0.5)]
    assert order == [image_id(n) for n in (0, 2, 4, 6, 1, 3, 5, 7)]


def test_nothing_changes_without_diversity_nor_beyond_its_reach() -> None:
    hits = _hits(REACH + 20)
    assert diversify_hits(hits, _seen, 0) == hits
    found = diversify_hits(hits, _seen, 1.0)
    assert found[REACH:] == hits[REACH:]
    assert found[:REACH] != hits[:REACH] and sorted(found[:REACH], key=hits.index) == hits[:REACH]
    assert diversify_hits([], _seen, 1.0) == []


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_diversity_lies_between_0_and_1(wrong: float) -> None:
    with pytest.raises(InvalidQuery, match="diversity"):
        Query((TextTerm("red"),), diversity=wrong)


def test_diversity_takes_an_order_by_match() -> None:
    for asked in (Query(), Query((TextTerm("red"),), sort="name")):
        with pytest.raises(InvalidQuery, match="diversity"):
            Query(asked.terms, sort=asked.sort, diversity=0.5)
    assert Query((TextTerm("red"),), sort="match", diversity=1).diversity == 1
