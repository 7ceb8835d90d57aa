"""The command `read-text`: what is written in pictures."""

from pathlib import Path
from typing import Any

import click

from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from ingest.commands.options import store_options
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals


@click.command("read-text")
@click.option("--redo", is_flag=True, help="Read all pictures again, as after a change of the reader.")
@store_options
@data_option
@json_option
def read_text(redo: bool, data: Path | None, as_json: bool, **stores: Any) -> None:
    """Read the text in pictures that nobody has looked at yet, and in those at which that failed.

    It takes the extra `ocr`. The pictures are read at their sources; one in which a look sees no text costs next to
    nothing. With --redo: read all pictures again. A picture that is gone is reported, and keeps its text.

    Stop it whenever you like: the same command goes on where it was. Exit code 3: some pictures could not be had.
    """
    from ingest.commands.progress import collect_remarks, show, summarize_text

    with open_container(data=data, ocr=True, **stores) as container, Signals() as signals:
        report = Runner(container, (), signals, show).read_text(redo=redo)
    finish(
        report.to_dict(),
        summarize_text(report),
        collect_remarks(report),
        as_json=as_json,
        exit_code=signals.exit_code(report.exit_code),
    )
