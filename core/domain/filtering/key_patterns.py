"""Patterns of keys (paths within a source): what fits them, in either case, and how an index can look for it.

Both pattern and key are brought to Unicode's composed form (NFC), as people type: some disks keep "é" as two
characters. Then letters fit each other in either case, one for one, as Python's `re.IGNORECASE` has it: "STRASSE" does
not fit "straße", so that ? is always one character.
"""

import fnmatch
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod

_SPECIAL = re.compile(r"\[!?\]?[^\]]*\]|[*?]")
_MOST = 16  # spellings that an index is asked for
_FEW = 8
_ENOUGH = 2  # characters without case, which have one spelling

# How each character that is printable ASCII may be written in a key that fits. Any other may have any spelling.
_SPELLED = {c: tuple(dict.fromkeys((c.lower(), c.upper()))) for c in map(chr, range(32, 127))}
_SPELLED |= {c: (*_SPELLED[c], "\u0131", "\u0130", "I\u0307") for c in "iI"}  # dotless i, dotted I
_SPELLED |= {c: (*_SPELLED[c], "\u017f") for c in "sS"}  # long s
_SPELLED |= {c: (*_SPELLED[c], "\u212a") for c in "kK"}  # the sign of the kelvin
_SPELLED |= {";": (";", "\u037e"), "`": ("`", "\u1fef")}  # the question mark and the grave accent of Greek

Spellings = tuple[str, ...]


def fits(pattern: str, key: str) -> bool:
    """Tell whether the whole key fits: * for any run of characters ("/" too), ? for one, [abc] for one of these."""
    return _compile(pattern).match(unicodedata.normalize("NFC", key)) is not None


@lru_cache(maxsize=256)
def literal_spellings(pattern: str) -> tuple[Spellings, tuple[Spellings, ...]]:
    """Tell where the keys that fit a pattern are to be looked for, letter by letter.

    Each begins with one of the first spellings, and holds one of each of the others. There are none where nothing
    short can be told, and more keys than those that fit may answer to them.
    """
    begins, *rest = _SPECIAL.split(unicodedata.normalize("NFC", pattern))
    first = _find_prefix(begins)
    parts = rest if first == begins else [begins, *rest]
    held = (window for window in map(_find_window, parts) if window)
    return tuple(_spellings(first)), tuple(tuple(_spellings(window)) for window in held)


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(unicodedata.normalize("NFC", pattern)), re.IGNORECASE)


def _spellings(text: str) -> Iterator[str]:
    if text:
        yield from map("".join, product(*(_SPELLED[c] for c in text)))


def _count(text: str) -> int:
    return prod(len(_SPELLED[c]) for c in text)


def _find_prefix(text: str) -> str:
    """Return as much of the text's beginning as has few spellings."""
    known = re.match(r"[ -~]*", text)
    first = known[0] if known else ""
    while _count(first) > _MOST:
        first = first[:-1]
    return first


def _find_window(text: str) -> str:
    """Return the part that is best looked for: the longest run without letters, or else a few letters."""
    caseless = max(re.findall(r"[ -@\[-_{-~]+", text.replace(";", "\0")), key=len, default="")
    if len(caseless) >= _ENOUGH:
        return str(caseless)
    runs: list[str] = re.findall(r"[ -~]+", text)
    windows = [run[n : n + size] for run in runs for size in range(1, 4) for n in range(len(run) - size + 1)]
    return max((one for one in windows if _count(one) <= _FEW), key=len, default="")
