"""Which segments of a mirror are kept, and which are written anew: decided without a disk."""

from collections.abc import Sequence
from dataclasses import dataclass

_SMALL = 1 / 8  # of a full segment: fewer rows than that are written anew together with other small ones
_MANY_SMALL = 8
_WORN = 1 / 2  # with fewer rows living than that, a segment is not worth its room


@dataclass(frozen=True, slots=True)
class SegmentLoad:
    """A segment by its number of rows, and of those that live."""

    name: str
    rows: int
    live: int


def choose_rewritten(segments: Sequence[SegmentLoad], full: int) -> set[str]:
    """The segments whose living rows are to be written anew, `full` being the most that a segment holds.

    Those of which most is dead, and the small ones once there are many: as in a log-structured merge tree (O'Neil et
    al., "The Log-Structured Merge-Tree", Acta Informatica 33, 1996), so that a change costs about what it touches, and
    searches never ask very many segments.
    """
    chosen = {one.name for one in segments if one.live < one.rows * _WORN}
    small = {one.name for one in segments if one.name not in chosen and one.live <= full * _SMALL}
    return chosen | small if len(small) >= _MANY_SMALL else chosen
