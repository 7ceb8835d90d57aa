"""Every option of a search is on the command line and in the API, with the same default, range and meaning."""

import click
import pytest

from core.domain.filtering.parser import FILTER_FIELDS
from core.domain.query import OPTIONS, OptionSpec
from search_ui.api.docs import openapi_document
from search_ui.api.routes import router
from search_ui.commands.search import search

SCHEMAS = openapi_document(router, token=False)["components"]["schemas"]
COMMAND = {parameter.name: parameter for parameter in search.params}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_is_the_same_everywhere(option: OptionSpec) -> None:
    typed = COMMAND[option.name]
    assert isinstance(typed, click.Option)
    assert (typed.default, typed.help) == (option.default, option.description)
    described = SCHEMAS["SearchBody"]["properties"][option.name]
    assert (described.get("default"), described["description"]) == (option.default, option.description)
    if option.low is not None:
        assert isinstance(typed.type, click.IntRange | click.FloatRange)
        assert (typed.type.min, typed.type.max) == (option.low, option.high)
        number = described if "type" in described else described["anyOf"][0]
        assert (number["minimum"], number["maximum"]) == (option.low, option.high)


def test_every_field_of_a_filter_is_described_and_those_that_people_type_are_options() -> None:
    described = SCHEMAS["Filter"]["properties"]
    assert set(described) == {"all", "any", "none", *FILTER_FIELDS}
    for name, field in FILTER_FIELDS.items():
        if field.metavar:
            typed = COMMAND[name]
            assert isinstance(typed, click.Option) and field.description in (typed.help or "")
