"""The command `import`."""

import json
import sys
from pathlib import Path

import click

from core.commands.hints import render_message
from core.commands.status import data_option, json_option, printable_lines, wire
from core.errors import UsageError
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals


@click.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="NAME|PATH", help="The encoder that made the vectors.")
@click.option("--names", metavar="FILE", type=click.Path(path_type=Path), help="Names of the vectors of the one FILE.")
@click.option("--source", metavar="SOURCE", help="Folder, s3://… or list:FILE that the names belong to.")
@data_option
@json_option
def import_vectors(
    files: tuple[Path, ...], model: str, names: Path | None, source: str | None, data: Path | None, as_json: bool
) -> None:
    """Make images searchable by vectors that were computed before, without reading a picture.

    A FILE is .npy or .pt, one vector a row, beside a file of their names in the same order: called the same but for
    .txt (one a line), .json (an array), .csv or .tsv; or Parquet with the columns url (or name), embedding and, if you
    like, caption. Vectors need not be normalised.

    With --source a later `ingest` of that source reads the pictures and keeps their vectors. Stop it whenever you like:
    the same command goes on where it was. Exit code 3: some rows could not be used.
    """
    from ingest.commands.progress import show, summary
    from ingest.jobs.import_vectors import Import

    if names is not None and len(files) > 1:
        raise UsageError("--names goes with one FILE; for several, put a file of names beside each")
    with wire(data=data, model=model) as wiring, Signals() as signals:
        store_of = wiring.naming(source)  # before anything is made
        runner = Runner(wiring, [], signals, show)
        report = runner.importing(
            lambda parts, report: Import(
                parts, store_of, lambda path: wiring.vectors(path, names, parts.index.info.dimension), report
            ).run(files)
        )
        code = 128 + signals.received if signals.received else report.exit_code
    click.echo(json.dumps(report.to_dict()) if as_json else summary(report))
    if not as_json:
        for remark in report.problems + report.notices:
            click.echo(f"Note: {printable_lines(render_message(remark))}", err=True)
    sys.exit(code)
