"""The command `facets`: counts of what the pictures that pass the filters have in common."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from core.commands.options import add_options, data_option, json_option, offline_option, open_container
from core.commands.output import finish
from core.search.facets import FACETS, MAX_VALUES, FacetField, as_dict
from core.search.request import build_query
from core.text.sanitize import printable
from search_ui.commands.filter_options import FilterInput, filter_options


@click.command()
@add_options(filter_options())
@click.option("--field", "fields", type=click.Choice(FACETS), multiple=True, help="Only this facet. Repeatable.")
@click.option(
    "--limit", type=click.IntRange(1, MAX_VALUES), default=20, show_default=True, help="Values of each facet."
)
@offline_option
@data_option
@json_option
def facets(
    fields: tuple[FacetField, ...], limit: int, offline: bool, data: Path | None, as_json: bool, **options: Any
) -> None:
    """Count the pictures that pass the filters by word, source, year, orientation, camera, lens, rating and the like.

    Values come with the commonest first, years with the latest, ratings with the most stars. Years of when pictures
    were taken go by the clock there, years of changes by UTC.
    """
    with open_container(data=data, offline=offline or None) as container:
        query = build_query(filter=FilterInput.take_from(options).filter(container))
        found = container.search.facets(query, dict.fromkeys(fields or FACETS), limit=limit)
        finish({"facets": as_dict(found)}, _lines(found), as_json=as_json)


def _lines(found: Mapping[FacetField, Sequence[tuple[str, int]]]) -> Iterator[str]:
    for field, values in found.items():
        yield field
        yield from (f"{count:>10,}  {printable(value)}" for value, count in values)
