"""The command `search`: find pictures by words, by picture, or by both."""

from pathlib import Path
from typing import Any

import click

from core.bootstrap import Container
from core.commands.hints import make_library_command, render_message
from core.commands.options import add_options, data_option, json_option, model_option, offline_option, open_container
from core.commands.output import finish, table_console
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.image import describe_share
from core.domain.query import Query
from core.domain.result import Hit, SearchResult
from core.rendering.text_match import format_matched_lines
from core.text.sanitize import printable
from search_ui.commands.search_options import SearchCommand, SearchInput, query_options

_SHEET = 500  # pictures; some 0.3 MB of memory each


@click.command(cls=SearchCommand)
@add_options(query_options())
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Draw what is found on a PNG.")
@offline_option
@model_option
@data_option
@json_option
def search(
    sheet: Path | None, offline: bool, model: str | None, data: Path | None, as_json: bool, **options: Any
) -> None:
    """Search by words, by picture, or by both. Without either, list the newest pictures that pass the filters.

    Pictures are ranked by what they show, what their captions mean, and the words of captions, of the pictures
    themselves and of places, together. "match" is what ranks them, up to 1 for the best of every list. "strength" tells
    how well they really match, from 0 to 1. "score" is the cosine of query and picture, from -1 to 1. None is a
    percentage.

    TEXT may hold operators: -word and -"a phrase" leave out, "a phrase" is in a caption word by word. file:IMG_12*
    names files, taken:2019..2021 tells when, place:Lisbon, near:48.1,11.6,5km and box:38,-10,39,-9 where; camera:,
    lens:, rating:, keyword:, person: and incomplete: ask for what files say of themselves, and text: for what is
    written in the picture. A hyphen before any of them leaves out. --raw searches the very words.

    Ranges are LOW..HIGH, LOW.., ..HIGH or a single value. Times are years, months, days or RFC 3339 times: --modified
    in UTC, --taken by the clock where the picture was taken.
    """
    given = SearchInput.from_options(options)
    with open_container(data=data, model=model, offline=offline or None) as container:
        query = given.query(container)
        result = container.search.search(query)
        if sheet is not None:
            _draw(sheet, result, container, given.title, query)
        if as_json:
            finish(result.to_dict(), (), as_json=as_json)
        else:
            _print(result, given.options.offset, query.filter)
            if not result.hits:
                _explain(container, result, given, query)
        container.keep_text_tower()


def _print(result: SearchResult, offset: int, filter: Filter) -> None:
    from rich.table import Table
    from rich.text import Text

    for notice in result.notices:
        click.echo(f"note: {printable(render_message(notice))}", err=True)
    if result.verdict == "none" and result.hits:
        click.echo("note: nothing here matches well; these are merely the nearest", err=True)
    if not result.hits:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", style="dim")
    fused = any(len(hit.standings) > 1 for hit in result.hits)
    if fused:
        table.add_column("match", justify="right")
    if judged := any(hit.strength is not None for hit in result.hits):
        table.add_column("strength", justify="right")
    if scored := any(hit.score is not None for hit in result.hits):
        table.add_column("score", justify="right")
    if folded := any(hit.same_bytes > 1 for hit in result.hits):
        table.add_column("copies", justify="right", no_wrap=True)
    table.add_column("caption")
    table.add_column("file", overflow="fold", style="cyan")
    for rank, hit in enumerate(result.hits, offset + 1):
        match = [f"{hit.match:.3f}" if hit.match is not None else "–"] if fused else []
        strength = [f"{hit.strength:.2f}" if hit.strength is not None else "–"] if judged else []
        score = [f"{hit.score:.3f}" if hit.score is not None else "–"] if scored else []
        copies = [f"{hit.same_bytes} copies" if hit.same_bytes > 1 else ""] if folded else []
        caption, file = _describe(hit, filter), Text(printable(hit.record.uri))
        table.add_row(str(rank), *match, *strength, *score, *copies, caption, file)
    table_console().print(table)
    took = result.timings_ms.get("total", 0.0)
    shown = sum(hit.copies for hit in result.hits)
    more, raws = shown - len(result.hits), sum(hit.raws for hit in result.hits)
    kinds = [f"{more - raws:,} of them copies"] if more > raws else []
    kinds += [f"{raws:,} RAW{'' if raws == 1 else 's'} of JPEGs"] if raws else []
    also = f" ({', '.join(kinds)}: --no-fold lists them)" if kinds else ""
    worth = "" if result.matches is None else ": " + ", ".join(result.headline)
    click.echo(f"{shown} of {result.total:,} pictures{worth}{also}, {took:.0f} ms, {result.backend}", err=True)


def _describe(hit: Hit, filter: Filter) -> Any:
    """The caption, with the field of the file that it comes from, and what else a person has to know."""
    from rich.text import Text

    record, text = hit.record, Text(printable(hit.record.caption or "–"))
    if record.caption_origin == "file" and record.file_texts:
        text.append(f" [{printable(record.file_texts[0].origin)}]", style="dim")
    if record.incomplete is not None:
        text.append(f" ({describe_share(record.incomplete)})", style="dim")
    if hit.raws:
        text.append(" (RAW + JPEG)", style="dim")
    if written := format_matched_lines(hit, filter):
        text.append(f" text: {printable(written)}", style="dim")
    return text


def _explain(container: Container, result: SearchResult, given: SearchInput, query: Query) -> None:
    from search_ui.page.empty_result_help import drop_each_operator, explain_no_match

    def count(passing: Filter) -> int:
        return container.failover.ask(lambda index: index.count(passing))[0]

    if result.total:
        click.echo(f"nothing from there on: {result.total:,} pictures pass; use a smaller --offset", err=True)
        return
    if query.min_strength and count(INDEXED & query.filter):
        click.echo(f"nothing matches with a strength of {query.min_strength:g}; use a smaller --min-strength", err=True)
        return
    click.echo("nothing found", err=True)
    if count(INDEXED & query.filter):
        click.echo("  no caption holds any of these words; leave --words-only away to search the pictures", err=True)
    else:
        chosen, operators = given.filter.without_words(container), query.interpretation.operators
        asked = chosen & Filter(all=tuple(operator.filter for operator in operators))
        others = [(operator.typed, chosen & passing) for operator, passing in drop_each_operator(operators)]
        for reason in explain_no_match(
            count, given.filter.must, given.filter.any_of, given.filter.none_of, asked, others
        ):
            click.echo(f"  {printable(reason)}", err=True)
        if chosen and count(INDEXED) and not count(INDEXED & chosen):
            click.echo("  no picture passes the filters other than caption words", err=True)
    if not count(INDEXED):
        settings = container.settings
        click.echo(f"  add some: {make_library_command(settings.data, settings.qdrant.url)}", err=True)


def _draw(path: Path, result: SearchResult, container: Container, title: str, query: Query) -> None:
    from core.rendering.contact_sheet import draw_sheet, make_cells

    if len(result.hits) > _SHEET:
        problem = (
            f"a sheet holds at most {_SHEET:,} pictures, and these are {len(result.hits):,}; give a smaller --limit"
        )
        raise click.BadParameter(problem, param_hint="--sheet")
    drawn = draw_sheet(make_cells(result.hits, container.thumbnails.get, query.offset + 1, query.filter), title)
    try:
        drawn.save(path, format="PNG")
    except OSError as error:
        raise click.BadParameter(f"cannot write {path}: {error.strerror or error}", param_hint="--sheet") from error
    click.echo(f"drawn: {path}", err=True)
