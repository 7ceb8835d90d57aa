"""The commands `reindex` and `switch`: another model for a library, made beside the one in use."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from core.bootstrap import Wiring
from core.commands.hints import render_message
from core.commands.status import data_option, json_option, printable, printable_lines, wire
from core.domain.filters import INDEXED
from core.errors import BucketLensError, Notice, UsageError
from core.index_versions import other_edition, previous_edition
from ingest.commands.options import store_options
from ingest.jobs.reindex import carry_captions
from ingest.jobs.run_lock import RunLock
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals
from ingest.pipeline.removal import indexed_sources

_IMPORTED = "import:"


@click.command()
@click.option("--model", required=True, metavar="NAME|PATH", help="The new encoder: see `bucketlens models`.")
@store_options
@data_option
@json_option
def reindex(model: str, data: Path | None, as_json: bool, **stores: Any) -> None:
    """Make the library anew for another model, from its sources, beside the one that is in use.

    Captions are taken over. Searches go on as before until `bucketlens switch`. Stop it whenever you like: the same
    command goes on where it was.
    """
    from ingest.commands.progress import show, show_remarks, summary

    with wire(data=data, **stores) as wiring, Signals() as signals:
        old = wiring.index
        RunLock(wiring.settings.data).look()
        sources = indexed_sources(old)
        with signals.interruptible(lambda: wiring.beside(model)) as other:
            old = wiring.index  # `beside` has it opened anew
            if other.index.info.fingerprint == old.info.fingerprint:
                raise UsageError(f"this library uses the model {old.info.model} already: nothing is to be made anew")
            readable = [source for source in sources if not source.startswith(_IMPORTED)]
            runner = Runner(other, readable, signals, show, captions=False)
            report = runner.reindex(lambda parts, report: carry_captions(old, parts, report))
            left = old.count(INDEXED) - other.index.count(INDEXED)
        if left > 0 and not report.interrupted:
            report.notices.append(
                f"{left:,} pictures of the library are not in the new one: they could not be read, or came as vectors"
            )
    click.echo(json.dumps(report.to_dict()) if as_json else summary(report))
    if not as_json:
        show_remarks(report)
        if not report.interrupted:
            click.echo("Compare both with `bucketlens compare`; `bucketlens switch` puts the new one to use.")
    sys.exit(128 + signals.received if signals.received else report.exit_code)


@click.command()
@click.option("--model", metavar="NAME|PATH", help="Of several that were made: which.")
@click.option("--back", is_flag=True, help="Back to the one that was in use before.")
@click.option("--incomplete", is_flag=True, help="Even where the other one holds fewer pictures.")
@data_option
@json_option
def switch(model: str | None, back: bool, incomplete: bool, data: Path | None, as_json: bool) -> None:
    """Put to use what `bucketlens reindex` has made, at once. What was in use before stays; --back undoes it."""
    if back and model:
        raise UsageError("--back and --model exclude each other: give one of them")
    with wire(data=data) as wiring:
        wiring.write()
        before = wiring.index.info
        with RunLock(wiring.settings.data) as lock:
            chosen = previous_edition(wiring.editions) if back else other_edition(wiring.editions, model)
            with wiring.edition(chosen) as other:
                now = other.index.info
                if not (back or incomplete):
                    _check_complete(wiring, other)
            wiring.editions.use(chosen)
            wiring.last_run.forget()  # it was the other's
            wiring.redo_file.unlink(missing_ok=True)
            problem = _mirror(wiring)
            if not lock.unclean:
                lock.ended_well()
        set_to = wiring.settings.model
    if as_json:
        click.echo(json.dumps({"model": now.model, "before": before.model}))
    else:
        click.echo(
            f"this library uses the model {printable(now.model)} from now on, {printable(before.model)} before; "
            "`bucketlens switch --back` undoes it"
        )
    if problem:
        click.echo(f"Note: {printable_lines(render_message(problem))}", err=True)
    if set_to not in (None, now.model):
        note = f"Note: the setting model is {set_to}; leave it away, or set it to {now.model}"
        click.echo(printable_lines(note), err=True)


def _mirror(wiring: Wiring) -> Notice | None:
    """Have the library's copy be of what is in use now. Returns what went wrong."""
    if not wiring.settings.mirror:
        return None
    try:
        with Wiring(wiring.settings) as now:
            now.build_mirror()
    except (BucketLensError, OSError) as error:
        return Notice.quoting(error, "the copy that answers while the library cannot was not made: ")
    return None


def _check_complete(wiring: Wiring, other: Wiring) -> None:
    held, here = other.index.count(INDEXED), wiring.index.count(INDEXED)
    if held < here:
        raise UsageError(
            f"the library for {other.index.info.model} holds {held:,} pictures, the one in use {here:,}: run "
            "`bucketlens reindex` again to complete it, or give --incomplete"
        )


COMMANDS: list[click.Command] = [reindex, switch]
