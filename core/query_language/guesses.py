"""Words of a question that may be meant as a file's name or as a date.

Guesses restrict nothing: people are only told of them.
"""

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from core.domain.query import Guess
from core.errors import InvalidQuery
from core.query_language import operators

MAX_GUESSES = 3

_LONGEST = 255  # characters, as of a file's name
_AROUND = "\"'()[]{}<>,;:!?.\u201c\u201d\u2018\u2019\u00ab\u00bb"
_YEAR = r"(?:1[89]|20)\d\d"
_DATE = rf"{_YEAR}(?:-(?:0[1-9]|1[0-2])(?:-[0-3]\d)?)?"
_DATES = re.compile(rf"{_DATE}|{_DATE}\.\.(?:{_DATE})?|\.\.{_DATE}|{_YEAR}[-\u2013]{_YEAR}|(?:1[89]|20)\d0s", re.ASCII)
_PICTURE = re.compile(
    r".*[^\W_].*\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf]|dng|cr[23]|nef|arw|orf|rw2)", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?=.*\d{3})[\w./-]*[^\W_]_[\w./-]*\w")  # as cameras name them: IMG_1234, 100_0001
_WITH_NUMBER = re.compile(r"[\w./-]*[^\W\d_][-.]?\d{3,}[\w.-]*|\d{4,}")  # demo-00512, DSC00012, but boeing-747 too
_PATTERN = re.compile(r"(?=.*[^\W_].*[^\W_])[^\s*]*\*\S*")


def find_guesses(text: str, *, alone: bool) -> tuple[Guess, ...]:
    """Find at most MAX_GUESSES guesses, at most one a word.

    `alone`: the question is a single word, which makes a file's name likelier.
    """
    tokens = dict.fromkeys(map(_strip_punctuation, text.split()))
    found = (guess for token in tokens if 0 < len(token) <= _LONGEST for guess in _read_guess(token, alone))
    return tuple(islice(found, MAX_GUESSES))


def _strip_punctuation(token: str) -> str:
    """Strip the punctuation around a token, but keep two dots, which are part of a range."""
    stripped = token.strip(_AROUND)
    before, _, after = token.partition(stripped) if stripped else (token, "", "")
    return (".." if before.endswith("..") else "") + stripped + (".." if after.startswith("..") else "")


def _read_guess(token: str, alone: bool) -> Iterator[Guess]:
    sign, date = ("-", token[1:]) if token.startswith("-") else ("", token)
    try:
        if _DATES.fullmatch(date):
            value = operators.normalise_years(date)
            yield Guess(token, operators.require_taken(f"{sign}taken:{value}", value, bool(sign)), True)
        elif name := _extract_name(token):
            typed = f'file:"{name}"' if re.search(r"\s", name) else f"file:{name}"
            sure = alone or any(shape.fullmatch(name) for shape in (_PICTURE, _NUMBERED))
            yield Guess(token, operators.require_file(typed, name, False), sure)
    except InvalidQuery:
        return  # such as 2019-02-31


def _extract_name(token: str) -> str | None:
    """Return the token if it is like a file's name or path, or None.

    Of a URL or an absolute path, return the last part.
    """
    elsewhere = "://" in token or "\\" in token or token.startswith(("/", "~"))
    if ":" in token and not elsewhere:
        return None
    name = unquote(re.split(r"[/\\]", token)[-1]) if elsewhere else token
    shapes = (_PICTURE,) if elsewhere else (_PICTURE, _NUMBERED, _WITH_NUMBER, _PATTERN)
    return name if any(shape.fullmatch(name) for shape in shapes) else None
