"""The command `reindex`: a library for another model, made beside the one in use."""

from pathlib import Path
from typing import Any

import click

from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from core.domain.filtering.filters import INDEXED
from core.errors import UsageError
from ingest.commands.options import exclude_option, store_options
from ingest.jobs.reindex import carry_captions
from ingest.jobs.run_lock import RunLock
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals
from ingest.pipeline.removal import indexed_sources

_IMPORTED = "import:"


@click.command()
@click.option("--model", required=True, metavar="NAME|PATH", help="The new encoder: see `bucketlens models`.")
@exclude_option
@store_options
@data_option
@json_option
def reindex(model: str, data: Path | None, as_json: bool, **stores: Any) -> None:
    """Make the library anew for another model, from its sources, beside the one that is in use.

    Captions, and the text that was read in pictures, are taken over. Searches go on as before until
    `bucketlens switch`. Stop it whenever you like: the same command goes on where it was.
    """
    from ingest.commands.progress import collect_remarks, show, summarize

    with open_container(data=data, **stores) as container, Signals() as signals:
        old = container.index
        RunLock(container.settings.data).look()
        sources = indexed_sources(old)
        with signals.run_interruptible(lambda: container.beside(model)) as other:
            old = container.index  # `beside` has it opened anew
            if other.index.info.fingerprint == old.info.fingerprint:
                raise UsageError(f"this library uses the model {old.info.model} already: nothing is to be made anew")
            readable = [source for source in sources if not source.startswith(_IMPORTED)]
            runner = Runner(other, readable, signals, show, captions=False)
            report = runner.reindex(lambda context, report: carry_captions(old, context, report), texts=old)
            left = old.count(INDEXED) - other.index.count(INDEXED)
        if left > 0 and not report.interrupted:
            report.notices.append(
                f"{left:,} pictures of the library are not in the new one: they could not be read, or came as vectors"
            )
    lines = summarize(report)
    if not report.interrupted:
        lines.append("Compare both with `bucketlens compare`; `bucketlens switch` puts the new one to use.")
    finish(
        report.to_dict(), lines, collect_remarks(report), as_json=as_json, exit_code=signals.exit_code(report.exit_code)
    )
