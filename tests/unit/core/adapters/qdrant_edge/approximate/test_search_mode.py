"""One by one where few pass, by a walk through the graphs where nearly all do, by ACORN between."""

import pytest

from core.adapters.qdrant_edge.approximate.search_mode import choose_mode


@pytest.mark.parametrize(
    ("passing", "total", "mode"),
    [
        (0, 0, "exact"),
        (20_000, 20_000, "exact"),
        (30_000, 1_000_000, "exact"),
        (100_000, 1_000_000, "exact"),
        (100_001, 1_000_000, "acorn"),
        (50_000, 100_000, "acorn"),
        (95_000, 100_000, "walk"),
        (1_000_000, 1_000_000, "walk"),
    ],
)
def test_the_mode_follows_from_how_many_pass(passing: int, total: int, mode: str) -> None:
    chosen = choose_mode(passing, total)
    told = "exact" if chosen.exact else "walk" if chosen.acorn is None else "acorn"
    assert told == mode
    assert chosen.exact or (chosen.hnsw_ef or 0) >= 200  # as many as a search asks for
