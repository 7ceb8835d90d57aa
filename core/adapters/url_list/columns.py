"""Which columns of a list hold the address of a picture and its captions: told from names and from content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_URL = re.compile(r"\s*https?://\S+\s*", re.IGNORECASE)
ADDRESS_NAMES = ("image_url", "url", "image", "img_url", "image_link", "picture", "photo", "src", "link", "uri")
CAPTION = re.compile(r"(captions?|text|alt|alt_text|title|description|sentences?|label)([_ ]?\d+)?", re.IGNORECASE)
_MOST = 0.5  # of the cells of a column of addresses are some


@dataclass(frozen=True, slots=True)
class Columns:
    """Where address and captions stand in a row, from 0; `header`: the first row holds names."""

    address: int
    captions: tuple[int, ...]
    header: bool


def recognise(sample: Sequence[Sequence[str]], names: Sequence[str] | None = None) -> Columns | None:
    """From the first rows, or from these and the names of the columns; None where no column holds addresses.

    Captions are the columns that are named so; where nothing is named, the one other column of words, should there be
    only one.
    """
    width = max((len(row) for row in sample), default=0)
    header = names is None and len(sample) > 1 and not any(_is_url(cell) for cell in sample[0])
    rows = sample[1:] if header else sample
    named = [name.strip().lower() for name in (names or (sample[0] if header else []))]
    shares = [_share([row[n] for row in rows if n < len(row) and row[n].strip()]) for n in range(width)]
    candidates = [n for n in range(width) if shares[n] >= _MOST]
    if not candidates:
        return None
    address = min(candidates, key=lambda n: (_rank(named, n), -shares[n], n))
    others = [n for n in range(max(width, len(named))) if n != address]
    captions = [n for n in others if n < len(named) and CAPTION.fullmatch(named[n])]
    if not captions and not named:
        wordy = [n for n in others if _is_wordy([row[n] for row in rows if n < len(row)])]
        captions = wordy if len(wordy) == 1 else []
    return Columns(address, tuple(captions), header)


def _is_url(cell: str) -> bool:
    return _URL.fullmatch(cell) is not None


def _share(cells: Sequence[str]) -> float:
    return sum(map(_is_url, cells)) / len(cells) if cells else 0.0


def _rank(names: Sequence[str], n: int) -> int:
    return ADDRESS_NAMES.index(names[n]) if n < len(names) and names[n] in ADDRESS_NAMES else len(ADDRESS_NAMES)


def _is_wordy(cells: Sequence[str]) -> bool:
    """Do most of them hold letters, more than one word, or at least no mere number or address?"""
    said = [cell for cell in cells if cell.strip()]
    return bool(said) and 2 * sum(len(re.findall(r"[^\W\d_]+", cell)) > 1 and not _is_url(cell) for cell in said) > len(
        said
    )
