"""The commands `search` and `ui`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.cli import data_option, json_option, printable, wire
from core.errors import ImageUnreadable
from core.query import INDEXED, MAX_LIMIT, ImageTerm, Query, Term, TextTerm, caption_words
from core.records import SearchResult
from core.wiring import Wiring

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PORT = 8501
_SHEET = 500  # pictures; some 0.3 MB of memory each
_UNFOLDED = 10_000  # columns: what goes into a file or a pipe has one picture a line


def model_option(command: F) -> F:
    return click.option(
        "--model", metavar="NAME|PATH", help="The library's model, where it has to be found elsewhere."
    )(command)


@click.command()
@click.argument("text", required=False)
@click.option("--image", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Search by this picture.")
@click.option("--text-weight", type=float, default=1.0, show_default=True, help="Weight of TEXT; negative: away from.")
@click.option("--image-weight", type=float, default=1.0, show_default=True, help="Weight of the picture.")
@click.option("--must", metavar="WORD", multiple=True, help="The caption holds this word. Repeatable.")
@click.option("--any", "any_of", metavar="WORD", multiple=True, help="The caption holds one of these. Repeatable.")
@click.option("--not", "none_of", metavar="WORD", multiple=True, help="The caption does not hold it. Repeatable.")
@click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=20, show_default=True, help="How many pictures.")
@click.option("--offset", type=click.IntRange(0, MAX_LIMIT), default=0, show_default=True, help="Skip the first ones.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Draw what is found on a PNG.")
@model_option
@data_option
@json_option
def search(
    text: str | None,
    image: Path | None,
    text_weight: float,
    image_weight: float,
    must: tuple[str, ...],
    any_of: tuple[str, ...],
    none_of: tuple[str, ...],
    limit: int,
    offset: int,
    sheet: Path | None,
    model: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Search by words, by picture, or by both. Without either, list the newest pictures that pass the filters.

    The score is the cosine of query and picture, from -1 to 1. It ranks; it is no percentage.
    """
    with wire(data=data, model=model) as wiring:
        terms: list[Term] = []
        if text is not None:
            terms.append(TextTerm(text, text_weight))
        if image is not None:
            terms.append(ImageTerm(_read(image, wiring.settings.max_image_bytes), image_weight))
        query = Query(tuple(terms), caption_words(must, any_of, none_of), limit, offset)
        result = wiring.search.search(query)
        if sheet is not None:
            _draw(sheet, result, wiring, text or (image.name if image else "newest"), offset)
        if as_json:
            click.echo(json.dumps(result.to_dict()))
            return
        _print(result, offset)
        if not result.hits:
            _explain(wiring, result, must, any_of, none_of)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: all of them.")
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    help="A further name under which the page is called (behind a proxy).",
)
@model_option
@data_option
def ui(port: int, host: str, allow_host: tuple[str, ...], model: str | None, data: Path | None) -> None:
    """Serve the search page."""
    with wire(data=data, model=model) as wiring:
        serve(wiring, host, port, allow_hosts=allow_host)


def serve(
    wiring: Wiring, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, allow_hosts: tuple[str, ...] = ()
) -> None:
    """Serve the page until interrupted, printing its address first. Raises InvalidSetting where it cannot listen.

    One server a process: Streamlit's configuration belongs to the process.
    """
    from search_ui.server import run

    run(wiring, host, port, allow_hosts, announce=lambda url: click.echo(f"BucketLens is at {url} (Ctrl-C ends it)"))


def _read(image: Path, limit: int) -> bytes:
    size = image.stat().st_size
    if size > limit:
        raise ImageUnreadable(f"{image} has {size:,} bytes, over the limit of {limit:,} (setting max_image_bytes)")
    try:
        return image.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{image} cannot be read: {error.strerror or error}") from error


def _print(result: SearchResult, offset: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    for notice in result.notices:
        click.echo(f"note: {printable(notice)}", err=True)
    if not result.hits:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", style="dim")
    if any(hit.score is not None for hit in result.hits):
        table.add_column("score", justify="right")
    table.add_column("caption")
    table.add_column("file", overflow="fold", style="cyan")
    for rank, hit in enumerate(result.hits, offset + 1):
        score = [] if hit.score is None else [f"{hit.score:.3f}"]
        table.add_row(str(rank), *score, Text(printable(hit.record.caption or "–")), Text(printable(hit.record.uri)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    console.print(table)
    took = result.timings_ms.get("total", 0.0)
    click.echo(f"{len(result.hits)} of {result.total:,} pictures, {took:.0f} ms, {result.backend}", err=True)


def _explain(
    wiring: Wiring, result: SearchResult, must: tuple[str, ...], any_of: tuple[str, ...], none_of: tuple[str, ...]
) -> None:
    from search_ui.advice import why_nothing

    if result.total:
        click.echo(f"nothing from there on: {result.total:,} pictures pass; use a smaller --offset", err=True)
        return
    click.echo("nothing found", err=True)
    for reason in why_nothing(wiring.index.count, must, any_of, none_of):
        click.echo(f"  {reason}", err=True)
    if not wiring.index.count(INDEXED):
        click.echo(f"  add some: bucketlens ingest FOLDER --data {wiring.settings.data}", err=True)


def _draw(path: Path, result: SearchResult, wiring: Wiring, title: str, offset: int) -> None:
    from search_ui.sheet import cells_of, draw_sheet

    if len(result.hits) > _SHEET:
        told = f"a sheet holds at most {_SHEET:,} pictures, and these are {len(result.hits):,}; give a smaller --limit"
        raise click.BadParameter(told, param_hint="--sheet")
    drawn = draw_sheet(cells_of(result.hits, wiring.thumbnails.get, offset + 1), title)
    try:
        drawn.save(path, format="PNG")
    except OSError as error:
        raise click.BadParameter(f"cannot write {path}: {error.strerror or error}", param_hint="--sheet") from error
    click.echo(f"drawn: {path}", err=True)


COMMANDS: list[click.Command] = [search, ui]
