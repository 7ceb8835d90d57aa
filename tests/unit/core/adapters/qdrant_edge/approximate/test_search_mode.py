"""One by one unless nearly all pass; else by a walk through the graphs, a longer one where they are large."""

import pytest

from core.adapters.qdrant_edge.approximate.search_mode import choose_mode


@pytest.mark.parametrize(
    ("passing", "total", "mode"),
    [
        (0, 0, "exact"),
        (20_000, 20_000, "exact"),
        (30_000, 1_000_000, "exact"),
        (700_000, 1_000_000, "exact"),
        (800_000, 1_000_000, "long walk"),
        (50_000, 100_000, "exact"),
        (95_000, 100_000, "walk"),
        (200_000, 200_000, "long walk"),
        (1_000_000, 1_000_000, "long walk"),
    ],
)
def test_the_mode_follows_from_how_many_pass(passing: int, total: int, mode: str) -> None:
    chosen = choose_mode(passing, total)
    told = "exact" if chosen.exact else "walk" if (chosen.hnsw_ef or 0) < 1024 else "long walk"
    assert told == mode
    assert chosen.exact or (chosen.hnsw_ef or 0) >= 200  # as many as a search asks for
