"""The command `import`: vectors that were computed before."""

from pathlib import Path

import click

from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish, note
from core.errors import UsageError
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals


@click.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="NAME|PATH", help="The encoder that made the vectors.")
@click.option("--names", metavar="FILE", type=click.Path(path_type=Path), help="Names of the vectors of the one FILE.")
@click.option("--source", metavar="SOURCE", help="Folder, s3://…, list:FILE or shards:… that the names belong to.")
@data_option
@json_option
def import_vectors(
    files: tuple[Path, ...], model: str, names: Path | None, source: str | None, data: Path | None, as_json: bool
) -> None:
    """Make images searchable by vectors that were computed before, without reading a picture.

    A FILE is .npy or .pt with one vector a row, or Parquet or Arrow with the columns url (or name), embedding and, if
    you like, caption. Beside .npy and .pt lies a file of their names in the same order. It is called the same but for
    .txt (one a line), .json (an array), .jsonl, .csv, .tsv or .parquet. A folder stands for its files, and one of
    clip-retrieval for its img_emb with their metadata. Vectors need not be normalised.

    With --source a later `ingest` of that source reads the pictures and keeps their vectors. Stop it whenever you like:
    the same command goes on where it was. Exit code 3: some rows could not be used.
    """
    from ingest.commands.progress import show, summarize
    from ingest.jobs.import_vectors import VectorImport

    with open_container(data=data, model=model) as container, Signals() as signals:
        found = container.sources.vector_files(files)
        if names is not None and len(found) > 1:
            raise UsageError("--names goes with one FILE; for several, put a file of names beside each")
        store_of = container.sources.naming(source)  # before anything is made
        runner = Runner(container, [], signals, show)
        report = runner.import_vectors(
            lambda context, report: VectorImport(
                context,
                store_of,
                lambda path: container.sources.vectors(path, names, context.index.info.dimension),
                report,
            ).run(found)
        )
    finish(
        report.to_dict(),
        summarize(report),
        map(note, report.problems + report.notices),
        as_json=as_json,
        exit_code=signals.exit_code(report.exit_code),
    )
