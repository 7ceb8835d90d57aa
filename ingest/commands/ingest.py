"""The command `ingest`: make a library equal to its sources."""

import random
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from core.bootstrap import Container
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish, note, print_error, print_result
from core.errors import BucketLensError, LibraryMissing, UsageError
from core.text.sanitize import printable
from ingest.commands.options import captioner_options, exclude_option, store_options
from ingest.jobs.dry_run import DryRun, dry_run
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals
from ingest.telemetry.observer import NULL_OBSERVER, Observer
from ingest.telemetry.report import Report


@click.command()
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option("--model", metavar="NAME|PATH", help="Encoder of a new library: see `bucketlens models`.")
@captioner_options
@click.option(
    "--captions",
    "caption_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Captions that people wrote: COCO and other JSON, CSV, TSV or Parquet. Repeatable.",
)
@click.option("--no-captions", is_flag=True, help="Caption no image, only make them searchable.")
@click.option(
    "--text/--no-text",
    "ocr",
    default=None,
    help="Read the text in pictures too, which takes the extra `ocr`, or do not (default: as the settings say).",
)
@click.option("--retry-failed", is_flag=True, help="Try images again that failed and have not changed since.")
@click.option("--confirm-deletes", is_flag=True, help="Delete what is gone, even over 10 % of a source.")
@exclude_option
@click.option(
    "--recheck",
    is_flag=True,
    default=None,
    help="Read every picture again, also where nothing says that it changed.",
)
@store_options
@click.option("--every", metavar="TIME", help="Go on, with a run every 30s, 15m, 2h or 1d.")
@click.option("--cron", metavar="FIELDS", help='Go on, with a run at these times: "0 3 * * *" is every night at three.')
@click.option("--watch", is_flag=True, help="Go on, and follow what changes in folders within seconds.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), metavar="PORT", help="Serve Prometheus metrics there.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address that the metrics listen on.")
@data_option
@json_option
def ingest(
    sources: tuple[str, ...],
    model: str | None,
    captioner: str | None,
    beams: int | None,
    caption_all: bool,
    caption_files: tuple[Path, ...],
    no_captions: bool,
    ocr: bool | None,
    retry_failed: bool,
    confirm_deletes: bool,
    every: str | None,
    cron: str | None,
    watch: bool,
    dry_run: bool,
    metrics_port: int | None,
    metrics_host: str,
    data: Path | None,
    as_json: bool,
    **stores: Any,
) -> None:
    """Make the library equal to its sources: add what is new, update what changed, delete what is gone.

    A SOURCE is a folder, or s3://BUCKET/PREFIX: everything below PREFIX/ in a bucket of Amazon S3 or of a store that
    speaks its language. Reading it takes the rights to list the bucket and to get its objects. Or list:FILE, a CSV,
    TSV, JSON Lines or Parquet file of web addresses, with captions if there are any. Or the tars of a WebDataset, as
    img2dataset writes them: shards:FOLDER, shards:s3://BUCKET/PREFIX/ or 'shards:FOLDER/{00000..00099}.tar'.

    Without SOURCE: to all the `sources` of bucketlens.toml.

    Images that people have captioned (--captions) are left out by the captioner.

    Stop it whenever you like: the same command goes on where it was. Exit code 3: some files could not be used.
    With --every, --cron or --watch it goes on until it is stopped, and tells of each run in a line.
    """
    with open_container(
        data=data, model=model, captioner=captioner, caption_beams=beams, ocr=ocr, **stores
    ) as container:
        sources = sources or tuple(source.name for source in container.settings.sources)
        if not sources:
            raise UsageError(
                'no source to ingest: name one, as in `bucketlens ingest ~/Pictures`, or put sources = ["~/Pictures"] '
                "into bucketlens.toml"
            )
        if caption_all and no_captions:
            raise UsageError("--caption-all and --no-captions exclude each other: give one of them")
        choices = {
            "captions": not no_captions,
            "caption_all": caption_all,
            "retry_failed": retry_failed,
            "confirm_deletes": confirm_deletes,
        }
        going_on = bool(every or cron or watch)
        if every and cron:
            raise UsageError("--every and --cron exclude each other: give one of them")
        if dry_run and (going_on or metrics_port is not None):
            raise UsageError("--dry-run does nothing, so it goes with none of --every, --cron, --watch, --metrics-port")
        if dry_run:
            _dry_run(container, sources, caption_files, retry_failed, confirm_deletes, as_json=as_json)
            return
        observer = NULL_OBSERVER if metrics_port is None else _metrics(container, metrics_host, metrics_port)
        if going_on:
            code = _keep_going(
                container, sources, caption_files, every, cron, watch, choices, observer, as_json=as_json
            )
        else:
            code = ingest_sources(container, sources, caption_files, as_json=as_json, observer=observer, **choices)
        raise click.exceptions.Exit(code)


def ingest_sources(
    container: Container,
    sources: Sequence[str],
    caption_files: Sequence[Path] = (),
    *,
    captions: bool = True,
    text: bool = True,
    caption_all: bool = False,
    retry_failed: bool = False,
    confirm_deletes: bool = False,
    as_json: bool = False,
    observer: Observer = NULL_OBSERVER,
) -> int:
    """Ingest, with progress on standard error and the summary on standard output. Return the exit code."""
    from ingest.commands.progress import collect_remarks, show, summarize

    choices = {
        "captions": captions,
        "text": text,
        "caption_all": caption_all,
        "retry_failed": retry_failed,
        "confirm_deletes": confirm_deletes,
    }
    with Signals() as signals:
        report = Runner(
            container, sources, signals, show, caption_files=caption_files, observer=observer, **choices
        ).sync()
    print_result(report.to_dict(), summarize(report), collect_remarks(report), as_json=as_json)
    return signals.exit_code(report.exit_code)


def _keep_going(
    container: Container,
    sources: Sequence[str],
    caption_files: Sequence[Path],
    every: str | None,
    cron: str | None,
    watch: bool,
    choices: dict[str, bool],
    observer: Observer,
    *,
    as_json: bool,
) -> int:
    """Run until stopped. Return the exit code, which is 0 where no run was cut off."""
    from ingest.commands.progress import collect_remarks, show, summarize_line
    from ingest.scheduling import schedule
    from ingest.scheduling.daemon import Daemon, SystemClock, watchable
    from ingest.scheduling.folder_watcher import FolderWatch

    times = schedule.parse_every(every) if every else schedule.parse_cron(cron) if cron else schedule.Once()

    def print_report(report: Report) -> None:
        print_result(report.to_dict(), [summarize_line(report)], collect_remarks(report), as_json=as_json)

    def print_failure(error: BucketLensError | str) -> None:
        if as_json:
            print_result({"error": str(error)}, (), as_json=True)
        print_error(error)

    with Signals() as signals:
        runner = Runner(
            container, sources, signals, show, caption_files=caption_files, observer=observer, watching=watch, **choices
        )
        stores = runner.stores()
        watcher = FolderWatch(watchable(stores), [str(container.settings.data)]) if watch else None
        with watcher or nullcontext():
            daemon = Daemon(runner, watcher, stores, on_report=print_report, on_error=print_failure)
            schedule.run_schedule(times, daemon, SystemClock(), random.random)
    return signals.exit_code(0) if daemon.interrupted else 0


def _metrics(container: Container, host: str, port: int) -> Observer:
    from ingest.telemetry.metrics import PrometheusMetrics

    metrics = PrometheusMetrics(container.files.last_run.latest())
    click.echo(f"metrics are at http://{host}:{metrics.serve(host, port)}/metrics", err=True)
    return metrics


def _dry_run(
    container: Container,
    sources: Sequence[str],
    caption_files: Sequence[Path],
    retry_failed: bool,
    confirm_deletes: bool,
    *,
    as_json: bool,
) -> None:
    from ingest.captions.caption_files import explain_bad_rows, read_captions
    from ingest.commands.progress import print_table

    stores = [container.sources.open(source) for source in sources]
    own = (path for each in container.settings.sources if each.name in sources for path in each.caption_files)
    notices: list[str] = []
    for path in (*caption_files, *own):
        notices += explain_bad_rows(read_captions(path))  # raises what a run would
    try:
        index = container.index
    except LibraryMissing:
        index = None
    recheck = container.settings.recheck
    done = dry_run(stores, index, retry_failed=retry_failed, recheck=recheck, confirm_deletes=confirm_deletes)
    done = replace(done, notices=(*notices, *done.notices))
    if not as_json:
        print_table(done)
    held_back = [remark for plan in done.plans for remark in (plan.problem, plan.held_back) if remark]
    finish(
        done.to_dict(),
        _first_keys(done),
        map(note, [*held_back, *done.notices]),
        as_json=as_json,
        exit_code=done.exit_code,
    )


def _first_keys(done: DryRun) -> Iterator[str]:
    for plan in done.plans:
        for kind, keys in plan.first.items():
            if keys and kind != "skip":
                yield f"{kind} in {printable(plan.source)}:"
                yield from (f"  {printable(key)}" for key in keys)
                more = plan.counts[kind] - len(keys)
                yield f"  … {more:,} more" if more else ""
        if plan.excluded:
            yield f"{plan.excluded:,} of {printable(plan.source)} excluded by your patterns"
