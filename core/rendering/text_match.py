"""Which lines of the text in a picture are what was asked for."""

from collections.abc import Iterator

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import EVERYTHING, Condition, Filter
from core.domain.filtering.written_text import Written
from core.domain.result import Hit
from core.domain.text_lines import TextLine
from core.text.analysis import analyse
from core.text.sanitize import plain

_SHOWN = 80  # characters


def find_matched_lines(hit: Hit, filter: Filter = EVERYTHING) -> list[TextLine]:
    """Find the lines that hold a word of the query, or what a filter wants to be written there."""
    words, wanted = set(hit.matched_in("text")), list[Written]()
    for condition in _list_conditions(filter):
        if isinstance(condition, Written):
            wanted.append(condition)
        elif isinstance(condition, Match) and condition.field == "text_words":  # as facets ask
            words.update(condition.values)
    return [
        line
        for line in hit.record.text_lines
        if words.intersection(analyse(line.text)) or any(one.shows_any(line.text) for one in wanted)
    ]


def format_matched_lines(hit: Hit, filter: Filter = EVERYTHING) -> str:
    """Format these lines as one line of plain text, cut to 80 characters; "" where there are none."""
    text = plain(" / ".join(line.text for line in find_matched_lines(hit, filter)))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _list_conditions(filter: Filter) -> Iterator[Condition]:
    """List what a picture may pass by; not what it must not be."""
    for condition in (*filter.all, *filter.any):
        if isinstance(condition, Filter):
            yield from _list_conditions(condition)
        else:
            yield condition
