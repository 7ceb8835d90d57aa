"""The command `ask`: put a question to a picture, or to the best hits of a search."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from core.answering.question import check_question
from core.answering.service import MAX_PICTURES, PictureAnswer
from core.bootstrap import Container
from core.commands.options import (
    answerer_option,
    data_option,
    json_option,
    model_option,
    offline_option,
    open_container,
)
from core.commands.output import finish, table_console
from core.domain.ids import is_id
from core.domain.query import QueryOptions, TextTerm
from core.errors import InvalidQuery
from core.imaging.query_image import read_picture
from core.search.request import build_query
from core.text.sanitize import printable


@click.command()
@click.argument("picture", metavar="PICTURE|ID|SEARCH")
@click.argument("question")
@click.option(
    "--top",
    type=click.IntRange(1, MAX_PICTURES),
    help="Ask about so many of the best hits of SEARCH, which takes operators as `bucketlens search` does.",
)
@answerer_option
@click.option("--seconds", type=click.FloatRange(0, 3600, min_open=True), help="Longest time for one picture.")
@offline_option
@model_option
@data_option
@json_option
def ask(
    picture: str,
    question: str,
    top: int | None,
    answerer: str | None,
    seconds: float | None,
    offline: bool,
    model: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Ask a question about a picture, such as "what colour is the car?".

    PICTURE is a file, which need not be in the library; ID is that of a picture of the library, as `bucketlens search
    --json` tells it. With --top, the question is put to the best hits of a search. Answers are those of a model, and
    wrong at times.
    """
    flags = {"data": data, "model": model, "offline": offline or None, "answerer": answerer, "ask_seconds": seconds}
    with open_container(**flags) as container:
        asked = check_question(question)
        _ = container.answerer  # at once: a search is no use without it
        if top is not None:
            _ask_hits(container, picture, asked, top, as_json=as_json)
            return
        answer = _ask_one(container, picture, asked)
        result = {"question": asked, "answerer": container.answerer.name, "answers": [answer.to_dict()]}
        lines = [printable(answer.text)] if answer.text else []
        finish(result, lines, [f"note: {remark}" for remark in answer.remarks], as_json=as_json)


def _ask_one(container: Container, given: str, question: str) -> PictureAnswer:
    if is_id(given) and not Path(given).exists():
        return container.answers.ask_image(container.search.image(given.lower()), question)
    if not os.path.isfile(os.path.expanduser(given)):
        takes = "a picture file that is there, or the id of a picture of the library; with --top, a search"
        raise InvalidQuery("picture", given, takes)
    return container.answers.ask_picture(read_picture(given, container.settings.decode.max_bytes), question)


def _ask_hits(container: Container, search: str, question: str, top: int, *, as_json: bool) -> None:
    weights = container.settings.ranking.weights
    query = build_query([TextTerm(search)], default_weights=weights, options=QueryOptions(limit=top))
    found = container.search.search(query)
    answers = container.answers.ask_images([hit.record for hit in found.hits], question)
    if as_json:
        told = [answer.to_dict() for answer in answers]
        result = {"question": question, "answerer": container.answerer.name, "search": search, "answers": told}
        finish(result | {"notices": list(found.notices), "verdict": found.verdict}, (), as_json=True)
        return
    for notice in found.notices:
        click.echo(f"note: {printable(notice)}", err=True)
    if found.verdict == "none" and found.hits:
        click.echo("note: nothing here matches well; these are merely the nearest", err=True)
    if not found.hits:
        click.echo("nothing found", err=True)
        return
    _print_table(answers)


def _print_table(answers: Iterator[PictureAnswer]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", style="dim")
    table.add_column("answer")
    table.add_column("file", overflow="fold", style="cyan")
    for rank, answer in enumerate(answers, 1):
        said = Text(printable(answer.text or "–"))
        for remark in answer.remarks:
            said.append(f" ({printable(remark)})", style="dim")
        assert answer.record is not None
        table.add_row(str(rank), said, Text(printable(answer.record.uri)))
    table_console().print(table)
