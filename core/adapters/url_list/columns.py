"""Detection of the columns of a list that hold addresses and captions, from their names and content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_URL = re.compile(r"\s*https?://\S+\s*", re.IGNORECASE)
ADDRESS_NAMES = ("image_url", "url", "image", "img_url", "image_link", "picture", "photo", "src", "link", "uri")
CAPTION = re.compile(r"(captions?|text|alt|alt_text|title|description|sentences?|label)([_ ]?\d+)?", re.IGNORECASE)
_MIN_SHARE = 0.5  # of the cells of an address column hold an address


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of address and captions, counted from 0; `header` says that the first row holds names."""

    address: int
    captions: tuple[int, ...]
    header: bool


def detect_columns(sample: Sequence[Sequence[str]], names: Sequence[str] | None = None) -> Columns | None:
    """Detect the columns from the first rows, and from their names where these are known.

    Returns None where no column holds addresses. Caption columns are those with a caption's name. Where no column has a
    name, it is the only other column of words.
    """
    width = max((len(row) for row in sample), default=0)
    header = names is None and len(sample) > 1 and not any(_is_url(cell) for cell in sample[0])
    rows = sample[1:] if header else sample
    named = [name.strip().lower() for name in (names or (sample[0] if header else []))]
    shares = [_measure_url_share([row[n] for row in rows if n < len(row) and row[n].strip()]) for n in range(width)]
    candidates = [n for n in range(width) if shares[n] >= _MIN_SHARE]
    if not candidates:
        return None
    address = min(candidates, key=lambda n: (_rank_name(named, n), -shares[n], n))
    others = [n for n in range(max(width, len(named))) if n != address]
    captions = [n for n in others if n < len(named) and CAPTION.fullmatch(named[n])]
    if not captions and not named:
        wordy = [n for n in others if _is_wordy([row[n] for row in rows if n < len(row)])]
        captions = wordy if len(wordy) == 1 else []
    return Columns(address, tuple(captions), header)


def _is_url(cell: str) -> bool:
    return _URL.fullmatch(cell) is not None


def _measure_url_share(cells: Sequence[str]) -> float:
    return sum(map(_is_url, cells)) / len(cells) if cells else 0.0


def _rank_name(names: Sequence[str], n: int) -> int:
    return ADDRESS_NAMES.index(names[n]) if n < len(names) and names[n] in ADDRESS_NAMES else len(ADDRESS_NAMES)


def _is_wordy(cells: Sequence[str]) -> bool:
    """Tell whether most of the cells that are not empty hold two words or more, and no address."""
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and 2 * sum(
        len(re.findall(r"[^\W\d_]+", cell)) > 1 and not _is_url(cell) for cell in filled
    ) > len(filled)
