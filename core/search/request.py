"""The one way to a Query, for the command line, the HTTP API, the page and Python."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from core.domain.filter_parser import parse_filter
from core.domain.filters import EVERYTHING, Filter
from core.domain.query import Query, QueryOptions, Term, Weights, merge_weights
from core.query_language.parser import compile_terms

DEFAULT_OPTIONS = QueryOptions()


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
