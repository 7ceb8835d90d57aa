"""One way to a Query, and one table of its options."""

from typing import get_type_hints

import pytest

from core.domain.filtering.filters import caption_words
from core.domain.query import OPTIONS, LikeTerm, OptionSpec, Query, QueryKeywords, QueryOptions, TextTerm, Weights
from core.errors import InvalidQuery
from core.query_language.parser import parse
from core.search.request import AWAY, build_query

ID = "00000000-0000-5000-8000-000000000001"


def test_the_keywords_of_python_are_the_options_with_their_types() -> None:
    assert get_type_hints(QueryKeywords) == get_type_hints(QueryOptions)
    assert list(QueryKeywords.__annotations__) == [option.name for option in OPTIONS]


def test_every_option_says_what_it_does_and_every_number_has_a_range() -> None:
    for option in OPTIONS:
        assert option.description.endswith(".")
        assert (option.low is not None) == (option.type in (int, float))


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.low is not None], ids=lambda one: one.name)
def test_a_number_out_of_its_range_is_refused_by_name(option: OptionSpec) -> None:
    for wrong in (option.low - 1, option.high + 1, float("nan")):
        with pytest.raises(InvalidQuery) as caught:
            Query((TextTerm("dog"),), **{option.name: wrong})
        assert caught.value.field == option.name


def test_a_query_is_built_of_terms_a_filter_and_options() -> None:
    options = QueryOptions(limit=3, offset=1, fold=False)
    query = build_query([TextTerm("star -red"), LikeTerm(ID)], {"word": "blue"}, options=options)
    understood = parse("star -red")
    away = [TextTerm(text, AWAY) for text in understood.avoided]
    assert away and query.terms == (TextTerm("star"), LikeTerm(ID), *away)
    assert query.filter.matches({"words": ["blue"]}) and not query.filter.matches({"words": ["blue", "red"]})
    assert (query.limit, query.offset, query.fold, query.weights) == (3, 1, False, None)
    assert query.interpretation == understood.interpretation


def test_raw_texts_stay_as_they_are_and_filters_may_be_made_already() -> None:
    query = build_query([TextTerm("star -red")], caption_words(["blue"]), raw=True)
    assert query == Query((TextTerm("star -red"),), caption_words(["blue"]))


def test_weights_by_name_leave_the_others_as_set() -> None:
    assert build_query(weights={"image": 2}, default_weights=Weights(1, 0.3, 4)).weights == Weights(2, 0.3, 4)
    assert build_query(weights=Weights(0, 0, 1), default_weights=Weights(1, 0.3, 4)).weights == Weights(0, 0, 1)
