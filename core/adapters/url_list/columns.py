"""Detection of the columns of a list that hold addresses and captions, from their names and content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.tables.column_names import find_captions, rank_address

_URL = re.compile(r"\s*https?://\S+\s*", re.IGNORECASE)
_PICTURE = re.compile(
    r"[^?#]*\.(?:jpe?g|jfif|png|gif|webp|bmp|tiff?|hei[cf]|avif|jxl|jp2)\s*(?:[?#].*)?", re.IGNORECASE
)
_MIN_SHARE = 0.5  # of the cells of an address column hold an address


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of address and captions, counted from 0; `header` says that the first row holds names."""

    address: int
    captions: tuple[int, ...]
    header: bool


def detect_columns(sample: Sequence[Sequence[str]], names: Sequence[str] | None = None) -> Columns | None:
    """Detect the columns from the first rows, and from their names where these are known.

    Of several columns of addresses, the picture's is preferred to that of its page or thumbnail. Returns None where no
    column holds addresses. Caption columns are those with a caption's name. Where no column has a name, it is the only
    other column of words.
    """
    width = max((len(row) for row in sample), default=0)
    header = names is None and len(sample) > 1 and not any(map(_begins_as_url, sample[0]))
    rows = sample[1:] if header else sample
    named = list(names or (sample[0] if header else []))
    columns = [[row[n] for row in rows if n < len(row) and row[n].strip()] for n in range(width)]
    shares = [_measure_share(cells, _URL) for cells in columns]
    candidates = [n for n in range(width) if shares[n] >= _MIN_SHARE]
    if not candidates:
        return None

    def rank(n: int) -> tuple[float, float, int]:
        level: float = rank_address(named[n]) if n < len(named) else 3
        if level in (2, 3):  # the name says little, so how the addresses end counts more
            level = (2 if _measure_share(columns[n], _PICTURE) >= _MIN_SHARE else 3) + level / 10
        return level, -shares[n], n

    address = min(candidates, key=rank)
    others = [n for n in range(max(width, len(named))) if n != address]
    captions = [n for n in find_captions(named) if n != address]
    if not captions and not named:
        wordy = [n for n in others if _is_wordy(columns[n])]
        captions = wordy if len(wordy) == 1 else []
    return Columns(address, tuple(captions), header)


def is_url(cell: str) -> bool:
    """Tell whether a cell is an http(s) address and nothing else."""
    return _URL.fullmatch(cell) is not None


def _begins_as_url(cell: str) -> bool:
    return cell.lstrip().lower().startswith(("http://", "https://"))


def is_one_column(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether lines are addresses, with this delimiter in some or in none, and no cells that it divides.

    In a table every line has the delimiter, and what is before the first one is a whole address.
    """
    if not lines or not all(is_url(line) for line in lines):
        return False
    if not all(delimiter in line for line in lines):
        return True
    ends = [line.split(delimiter) for line in lines]
    whole = all(_PICTURE.fullmatch(cells[0]) for cells in ends) or all(is_url(cells[-1]) for cells in ends)
    return not whole and not all(re.fullmatch(r"[\w\"' -]*", cells[-1].strip()) for cells in ends)


def _measure_share(cells: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(cell) is not None for cell in cells) / len(cells) if cells else 0.0


def _is_wordy(cells: Sequence[str]) -> bool:
    """Tell whether most of these cells hold two words or more, and no address."""
    words = sum(len(re.findall(r"[^\W\d_]+", cell)) > 1 and not is_url(cell) for cell in cells)
    return bool(cells) and 2 * words > len(cells)
