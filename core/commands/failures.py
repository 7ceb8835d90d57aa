"""The command `failures`: every file that could not be indexed."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from core.commands.hints import render_message
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from core.domain.filtering.filters import FAILED
from core.domain.image import ImageRecord
from core.ports.scrolling import scroll_all
from core.text.sanitize import printable


@click.command()
@data_option
@json_option
def failures(data: Path | None, as_json: bool) -> None:
    """List every file that could not be indexed, with its reason."""
    with open_container(data=data) as container:
        failed = scroll_all(container.index.scroll, FAILED)
        found = [_to_dict(record) for record in failed] if as_json else []
        finish({"failures": found}, _lines(failed), as_json=as_json)


def _to_dict(record: ImageRecord) -> dict[str, str | None]:
    return {"uri": record.uri, "source": record.source, "reason": record.error}


def _lines(failed: Iterator[ImageRecord]) -> Iterator[str]:
    first = next(failed, None)
    if first is None:
        yield "No file failed."
        return
    for record in chain([first], failed):
        yield f"{printable(record.uri)}\t{printable(render_message(record.error or 'no reason on record'))}"
