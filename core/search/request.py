"""The one way to a Query, for the command line, the HTTP API, the page and Python."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypedDict

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.filtering.parser import parse_filter
from core.domain.query import AS_TYPED, Interpretation, Query, QueryOptions, Term, TextTerm, Weights, merge_weights
from core.query_language.parser import parse

# The weight of what is left out, for a text of weight 1. Of 93 questions for one thing without another, put to 500
# photographs (CLIP ViT-B/32), 57 % of the first 20 are right at -0.5, 52 % at -1 and at 0; of 199 for a thing without a
# colour, put to 600 drawn scenes (the demo CLIP), all but 0.1 %. More pushes further than what is looked for holds.
AWAY = -0.5
_NOTHING_LOOKED_FOR = "nothing is looked for, only left out by what captions say: these are the newest of the others"
DEFAULT_OPTIONS = QueryOptions()


class QueryParts(TypedDict):
    """Arguments of a Query."""

    terms: tuple[Term, ...]
    filter: Filter
    interpretation: Interpretation


def build_query(
    terms: Sequence[Term] = (),
    filter: Filter | Mapping[str, Any] = EVERYTHING,
    *,
    raw: bool = False,
    weights: Weights | Mapping[str, float] | None = None,
    default_weights: Weights | None = None,
    options: QueryOptions = DEFAULT_OPTIONS,
) -> Query:
    """Build the Query that a caller states.

    Arguments:
        terms: what to look for; texts are read as questions (core.query_language.parser).
        filter: a Filter, or a mapping that `parse_filter` reads.
        raw: search texts as they were typed, without operators.
        weights: of all rank lists, or by name of some of them; the others are `default_weights`.
        options: the other options; an object of a subclass gives its fields of QueryOptions.

    Raises InvalidQuery.
    """
    if isinstance(weights, Mapping):
        weights = merge_weights(weights, default_weights or Weights())
    parsed = filter if isinstance(filter, Filter) else parse_filter(filter)
    chosen: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(QueryOptions)}
    return Query(**compile_terms(terms, parsed, raw=raw), weights=weights, **chosen)


def compile_terms(terms: Sequence[Term], filter: Filter = EVERYTHING, *, raw: bool = False) -> QueryParts:
    """Read the texts that are looked for as questions; other terms and the filter stay. Raises InvalidQuery.

    `raw`: every text is searched as it was typed. What a question leaves out pushes away only where anything is looked
    for: by itself it is a filter.
    """
    made: list[Term] = []
    understood = AS_TYPED
    away: list[Term] = []
    for term in terms:
        if raw or not isinstance(term, TextTerm) or term.weight < 0:
            made.append(term)
            continue
        parsed = parse(term.text)
        if parsed.text.strip():
            made.append(TextTerm(parsed.text, term.weight))
        if parsed.interpretation != AS_TYPED:
            away += [TextTerm(text, AWAY * term.weight) for text in parsed.avoided]
            filter &= parsed.filter
            understood += parsed.interpretation
    if any(term.weight > 0 for term in made):
        made += away
    elif away:
        understood += Interpretation(remarks=(_NOTHING_LOOKED_FOR,))
    return QueryParts(terms=tuple(made), filter=filter, interpretation=understood)
