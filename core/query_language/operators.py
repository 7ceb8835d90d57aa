"""The operators of a question, each as a condition."""

import re
from collections.abc import Callable

from core.domain.filtering.conditions import KeyGlob, Missing, Named, Phrase
from core.domain.filtering.filters import Condition, Filter, caption_words, taken_in
from core.domain.filtering.parser import parse_box, parse_number_range, parse_place, parse_time_range
from core.domain.filtering.written_text import Written
from core.domain.query import OPERATOR_NAMES, Operator, OperatorKind, OperatorName
from core.errors import InvalidQuery

_SHOWN = 80  # characters
_HYPHENATED = re.compile(r"(\d{4})\s*[-\u2010\u2011\u2012\u2013\u2014]\s*(\d{4})")
_DECADE = re.compile(r"(\d{3})0s", re.IGNORECASE)


def quote(text: str) -> str:
    """Put the text into quotes for people; a long one is cut to 80 characters."""
    return f"“{text}”" if len(text) <= _SHOWN else f"“{text[: _SHOWN - 1]}…”"


def exclude_word(typed: str, value: str) -> Operator:
    """Leave out captions that hold the word, in any inflection. Raises InvalidQuery.

    Of a hyphenated word, a caption has to hold all parts to be left out.
    """
    if "://" in value:
        raise InvalidQuery("text", value, "a word")
    return Operator(typed, "word", value, caption_words(none_of=[value]), leaves_out=True)


def require_phrase(typed: str, value: str, leaves_out: bool) -> Operator:
    """Require captions that say the phrase word by word, or leave them out. Raises InvalidQuery."""
    return _make_operator(typed, "phrase", value, Phrase(value), leaves_out)


def require_file(typed: str, value: str, leaves_out: bool) -> Operator:
    """Require files whose path matches the value, or leave them out. Raises InvalidQuery.

    A value with * or ? is a pattern of the path's end, which begins after a slash. Any other matches any part of the
    path. A leading slash stands for the beginning of the path within the source.
    """
    if value.startswith("//"):
        raise InvalidQuery("file", value, "the name of a file, or a pattern such as IMG_12*")
    rooted, wild = value.startswith("/"), "*" in value or "?" in value
    pattern = value.lstrip("/") if rooted else value
    patterns = [pattern] if rooted else [pattern, f"*/{pattern}"]
    if not wild:
        literal = pattern.replace("[", "[[]")
        patterns = [f"{literal}*" if rooted else f"*{literal}*", *(patterns if "[" in pattern else ())]
    globs = tuple(KeyGlob(one) for one in patterns)
    return _make_operator(typed, "file", value, globs[0] if len(globs) == 1 else Filter(any=globs), leaves_out)


def require_taken(typed: str, value: str, leaves_out: bool) -> Operator:
    """Require a time taken, or leave it out. Raises InvalidQuery.

    `value`: what `parse_time_range` takes, or what `normalise_years` rewrites.
    """
    value = normalise_years(value)
    return _make_operator(typed, "taken", value, parse_time_range("taken_at", value), leaves_out)


def require_named(typed: str, name: str, value: str, leaves_out: bool) -> Operator:
    """Require what an operator of this name, in either case, asks for, or leave it out. Raises InvalidQuery."""
    kind = next(one for one in OPERATOR_NAMES if one == name.lower())
    if kind == "file":
        return require_file(typed, value, leaves_out)
    if kind == "taken":
        return require_taken(typed, value, leaves_out)
    return _make_operator(typed, kind, value, _CONDITIONS[kind](value), leaves_out)


def _read_incomplete(value: str) -> Condition:
    if value.lower() not in ("yes", "no"):
        raise InvalidQuery("incomplete", value, "yes or no")
    return Filter(none=(Missing("incomplete"),)) if value.lower() == "yes" else Missing("incomplete")


def _read_text(value: str) -> Condition:
    return Written(value, phrase=len(value.split()) > 1)


_CONDITIONS: dict[OperatorName, Callable[[str], Condition]] = {
    "camera": lambda value: Named("camera", value),
    "lens": lambda value: Named("lens", value),
    "near": parse_place,
    "box": parse_box,
    "place": taken_in,
    "rating": lambda value: parse_number_range("rating", value),
    "keyword": lambda value: Named("keywords", value),
    "person": lambda value: Named("people", value),
    "incomplete": _read_incomplete,
    "text": _read_text,
}


def normalise_years(value: str) -> str:
    """Rewrite years as people write them, 2019-2021 or 1990s, as a range."""
    return _HYPHENATED.sub(r"\1..\2", _DECADE.sub(r"\g<1>0..\g<1>9", value))


def _make_operator(typed: str, kind: OperatorKind, value: str, condition: Condition, leaves_out: bool) -> Operator:
    passing = Filter(none=(condition,)) if leaves_out else Filter(all=(condition,))
    return Operator(typed, kind, value, passing, leaves_out)
