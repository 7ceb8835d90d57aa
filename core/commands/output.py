"""What commands print: results for people or programs, remarks, and the code that a command ends with."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from core.commands.hints import render_message
from core.errors import BucketLensError
from core.text.sanitize import printable_lines

if TYPE_CHECKING:
    from rich.console import Console

_UNFOLDED = 10_000  # columns: a file or a pipe gets one row a line


def print_result(
    result: Mapping[str, Any], lines: Iterable[str], remarks: Iterable[str] = (), *, as_json: bool
) -> None:
    """Print what a command has found or done.

    Programs (`as_json`) get `result` as one JSON object, and nothing else.
    People get `lines` on standard output, and `remarks` on standard error.
    `lines` are printed as they come, so they have to be printable.
    """
    if as_json:
        click.echo(json.dumps(result))
        return
    for line in lines:
        click.echo(line)
    for remark in remarks:
        click.echo(printable_lines(remark), err=True)


def finish(
    result: Mapping[str, Any],
    lines: Iterable[str],
    remarks: Iterable[str] = (),
    *,
    as_json: bool,
    exit_code: int = 0,
) -> None:
    """Print a result as `print_result` does, and end the command. Raises click's Exit where the code is not 0."""
    print_result(result, lines, remarks, as_json=as_json)
    if exit_code:
        raise click.exceptions.Exit(exit_code)


def note(text: str) -> str:
    """Mark a remark as one that is no result."""
    return f"Note: {render_message(text)}"


def print_note(text: str) -> None:
    """Print a remark on standard error, for people and programs alike."""
    click.echo(printable_lines(note(text)), err=True)


def print_error(error: BucketLensError | str) -> None:
    """Print on standard error why a command, or a run of it, failed."""
    click.echo(f"bucketlens: {printable_lines(render_message(error))}", err=True)


def table_console() -> "Console":
    """Return a console on standard output for tables, which folds no row where no terminal is."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    return console
