"""The command `caption`: captions by a model."""

from pathlib import Path
from typing import Any

import click

from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from ingest.commands.options import captioner_options, store_options
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals


@click.command()
@click.option("--redo", is_flag=True, help="Renew the captions that a captioner wrote, from the pictures themselves.")
@captioner_options
@store_options
@data_option
@json_option
def caption(
    redo: bool,
    captioner: str | None,
    beams: int | None,
    caption_all: bool,
    data: Path | None,
    as_json: bool,
    **stores: Any,
) -> None:
    """Caption what has no caption yet; what people wrote is never replaced.

    With --redo: write all captions anew that a captioner wrote, reading the pictures at their sources again, as after
    choosing another --captioner. A picture that is gone is reported, and keeps its caption.

    Stop it whenever you like: the same command goes on where it was. Exit code 3: some pictures could not be had.
    """
    from ingest.commands.progress import collect_remarks, show, summarize_captions

    with (
        open_container(data=data, captioner=captioner, caption_beams=beams, **stores) as container,
        Signals() as signals,
    ):
        report = Runner(container, (), signals, show, caption_all=caption_all).caption(redo=redo)
    finish(
        report.to_dict(),
        summarize_captions(report),
        collect_remarks(report),
        as_json=as_json,
        exit_code=signals.exit_code(report.exit_code),
    )
