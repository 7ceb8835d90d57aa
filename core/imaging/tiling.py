"""Tiles of long pictures: squares that show all of a picture of which a model's square input shows one part.

The usual preparation for CLIP scales the shorter side and cuts the middle square. Up to 2 : 1 that keeps half of a
picture or more, and stays as it is. Of longer ones several squares are encoded, each overlapping the next by a quarter.
The picture's vector is the mean of theirs, scaled to length 1 (core.search.tile_encoding).

Chosen by measurement: `python -m demo.evaluation.measure_long_pictures`. The figures are areas under the ROC curve of
"a red car" and the like, among long pictures alone. These are drawn scenes, stitched side by side or one above the
other. The two figures are for ends between scenes and within them:

    ratio              2 : 1        3 : 1        4 : 1        6 : 1
    middle square      0.84, 1.00   0.66, 0.85   0.68, 0.68   0.61, 0.60
    squashed           0.88, 0.84   0.68, 0.66   0.60, 0.59   0.54, 0.52
    letterboxed        0.70, 0.68   0.57, 0.56   0.53, 0.51   0.50, 0.51
    tiles              0.98, 1.00   0.97, 0.96   0.95, 0.93   0.89, 0.90

The demo model has seen undistorted squares alone, so the second and third line are its worst. Real ViT-B/32 vectors
of photographs, stitched by averaging, "a frisbee" and the like:

    middle picture     0.69         0.63         0.59         0.57
    mean               0.81         0.76         0.74         0.70

The mean of unlike vectors is nearer to every text than a picture is. So with real vectors, long pictures of unlike
parts come up too often. Where they are 5 % of a library, they take a third of the first ten hits at 2 : 1. At 3 : 1
they take half. Those of alike parts take a sixth and a quarter. Taking that away again, half or whole, lost more right
hits than wrong ones (2 : 1, unlike parts):

    as it is                  average precision 0.302
    half taken away                             0.284
    all taken away                              0.259
    the middle picture alone                    0.270
"""

from math import ceil

LONG = 2  # times the shorter side, and no more, is the longest picture that is encoded as one square
MAX_TILES = 16  # of longer pictures than these cover, a tile is itself longer than wide, and squashed

_STEP = 0.75  # of a tile from one to the next

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


def is_long(width: int, height: int) -> bool:
    """Tell whether a picture is longer than 2 : 1."""
    return max(width, height) > LONG * min(width, height)


def tile_count(width: int, height: int) -> int:
    """Count the tiles of a picture of this size; 1 where it is not long."""
    if not is_long(width, height):
        return 1
    over = max(width, height) / min(width, height) - 1
    return min(MAX_TILES, 1 + ceil(over / _STEP))


def tile_boxes(width: int, height: int) -> list[Box]:
    """Compute the boxes of the tiles, from left to right or from top to bottom.

    They are equally large. The first and the last reach the picture's ends.
    """
    longer, shorter = max(width, height), min(width, height)
    count = tile_count(width, height)
    if count == 1:
        return [(0, 0, width, height)]
    side = max(float(shorter), longer / (1 + (count - 1) * _STEP))
    starts = [(longer - side) * n / (count - 1) for n in range(count)]
    ends = [min(start + side, longer) for start in starts]
    if width > height:
        return [(start, 0, end, height) for start, end in zip(starts, ends, strict=True)]
    return [(0, start, width, end) for start, end in zip(starts, ends, strict=True)]
