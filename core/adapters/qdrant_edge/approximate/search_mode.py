"""How the engine searches for the nearest vectors: one by one, through its graphs, or through them by ACORN.

A walk through a graph that meets few images that pass loses most of the nearest. So where few pass, all of them are
compared, and where many do, the walk looks a step further (ACORN). How many pass is counted, and kept, for the page
that is shown anyway.

Measured on 24,000 pictures in one graph, 512 numbers each, with real texts as questions. Their vectors lie apart from
those of pictures, which is hard on graphs. Recall of the best ten, and CPU of a search for 200:

    candidates         200             400             800             one by one
    none left out      0.868  1.5 ms   0.952  2.8 ms   0.990  4.2 ms   3.3 ms
    one in two passes  0.740  1.6 ms   0.874  2.3 ms                   4.5 ms
    the same, ACORN    0.984  9.3 ms   0.998  9.2 ms
    one in three       0.672  1.0 ms   0.814  2.7 ms                   2.4 ms
    the same, ACORN    0.978  5.9 ms   0.994  9.1 ms

    Patel et al., "ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings and Structured Data", 2024
"""

import qdrant_edge as edge

_CANDIDATES = 512  # that a walk through one graph keeps in mind
_FILTERED = 256  # with ACORN, which meets more of them
FEW = 30_000  # images that pass: comparing them costs what a walk does
_FEW_OF = 1 / 10  # of a library, where that is more: it has several graphs
_NEARLY_ALL = 0.9

EXACT = edge.SearchParams(exact=True)
_WALK = edge.SearchParams(hnsw_ef=_CANDIDATES)
_ACORN = edge.SearchParams(hnsw_ef=_FILTERED, acorn=edge.AcornSearchParams(enable=True, max_selectivity=1.0))


def choose_mode(passing: int, total: int) -> edge.SearchParams:
    """Return the engine's parameters to search `passing` of `total` images."""
    if passing <= max(FEW, int(total * _FEW_OF)):
        return EXACT
    return _WALK if passing >= total * _NEARLY_ALL else _ACORN
