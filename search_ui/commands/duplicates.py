"""The command `duplicates`: pictures that are there more than once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from core.commands.options import add_options, data_option, json_option, offline_option, open_container
from core.duplicates.finder import THRESHOLD, Duplicates, Group
from core.text.sanitize import printable
from search_ui.commands.filter_options import FilterInput, filter_options


@click.command()
@click.option(
    "--threshold",
    metavar="T",
    type=float,
    default=THRESHOLD,
    show_default=True,
    help="Least cosine of two pictures that are the same, from 0.5; 1: files of the same bytes alone.",
)
@add_options(filter_options())
@offline_option
@data_option
@json_option
def duplicates(threshold: float, offline: bool, data: Path | None, as_json: bool, **options: Any) -> None:
    """List pictures that are there more than once: the same bytes, or re-encoded, scaled or cropped a little.

    Pictures are the same where their thumbnails, laid over each other, differ nowhere by more than encoding leaves, and
    their cosine is T or more. Of every group the largest picture comes first, and all others are the same as it.
    """
    given = FilterInput.take_from(options)
    with open_container(data=data, offline=offline or None) as container:
        found = Duplicates(container.searched, container.thumbnails.get, given.filter(container), threshold)
        looked = _look(found)
        if as_json:
            _print_json(found, looked)
            return
        groups = images = 0
        for group in found.groups():
            groups, images = groups + 1, images + len(group.records)
            _print(group)
        if not groups:
            click.echo("No picture is there twice.")
        click.echo(f"{groups:,} groups of {images:,} pictures, among {looked:,}", err=True)
        if found.unseen:
            click.echo(f"note: {found.unseen:,} without a thumbnail were compared by their bytes alone", err=True)


def _look(found: Duplicates) -> int:
    """Compare all pictures, with a bar on a terminal. Returns how many there are."""
    console = Console(stderr=True)
    done = 0
    if not console.is_terminal:
        for done, _ in found.look():  # noqa: B007
            pass
        return done

    def steps() -> Iterator[int]:
        nonlocal done
        for now, _ in found.look():
            yield from range(now - done)
            done = now

    for _ in track(steps(), "Comparing", total=found.total(), console=console, transient=True):
        pass
    return done


def _print(group: Group) -> None:
    click.echo(f"{len(group.records)} pictures, {'the same bytes' if group.exact else 'nearly the same'}")
    for record in group.records:
        size = f"{record.width} × {record.height}, " if record.width and record.height else ""
        click.echo(f"  {printable(record.uri)}  ({size}{record.bytes:,} bytes)")


def _print_json(found: Duplicates, looked: int) -> None:
    """Print group by group: there may be more of them than memory holds."""
    click.echo('{"groups": [', nl=False)
    for n, group in enumerate(found.groups()):
        click.echo((", " if n else "") + json.dumps(group.to_dict()), nl=False)
    click.echo(f'], "images": {looked}, "without_thumbnail": {found.unseen}}}')
