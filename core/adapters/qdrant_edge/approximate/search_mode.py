"""How the engine searches for the nearest vectors: one by one, or through its graphs.

A walk through a graph that meets few images that pass loses many of the nearest. So what passes is compared one by one,
unless nearly all does. How many pass is counted, and kept, for the page that is shown anyway. A walk keeps the more
candidates in mind, the larger the graphs are: those of 200,000 pictures lose more than those of 30,000.

Measured on a million pictures in five graphs, 512 numbers each in 16 bits. They are CLIP's vectors of photographs with
noise. The questions are its vectors of texts, which lie apart and are hard on graphs. For pictures as questions, 128
candidates find all. Recall of the best ten, and CPU of a search for 200, on two busy cores:

    candidates           512            1024           1536           2048           one by one
    none left out        0.842  10 ms   0.958  18 ms   0.983  31 ms   0.983  35 ms    59 ms
    81 in 100 pass       0.883  26 ms   0.942  46 ms   0.958  67 ms   0.967  86 ms   232 ms
    70 in 100 pass       0.817  23 ms   0.925  41 ms   0.942  66 ms   0.942  77 ms   114 ms
    the same, ACORN      0.925  66 ms   0.967  124 ms
    24 in 100, ACORN     0.900  56 ms (256 candidates)                                40 ms
    19 in 100, ACORN     0.838  48 ms (256 candidates)                                33 ms

    Patel et al., "ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings and Structured Data", 2024
"""

import qdrant_edge as edge

FEW = 30_000  # images that pass: comparing them costs what a walk does
_FEW_OF = 3 / 4  # of a library, where that is more
_SMALL = 150_000  # images, whose graphs are searched with fewer candidates

EXACT = edge.SearchParams(exact=True)
_WALK = edge.SearchParams(hnsw_ef=512)
_LONG_WALK = edge.SearchParams(hnsw_ef=1536)


def choose_mode(passing: int, total: int) -> edge.SearchParams:
    """Return the engine's parameters to search `passing` of `total` images."""
    if passing <= max(FEW, int(total * _FEW_OF)):
        return EXACT
    return _WALK if total <= _SMALL else _LONG_WALK
