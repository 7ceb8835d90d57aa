"""The commands `ingest` and `forget`, and those of the files beside."""

import json
import random
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.bootstrap import Wiring
from core.commands.hints import render_message
from core.commands.status import data_option, json_option, printable, printable_lines, wire
from core.errors import BucketLensError, LibraryMissing, Notice, UsageError
from ingest.commands.caption import caption
from ingest.commands.copy import copy
from ingest.commands.import_ import import_vectors
from ingest.commands.options import captioner_options, store_options
from ingest.commands.reindex import reindex, switch
from ingest.jobs.run_lock import RunLock
from ingest.jobs.runner import Runner
from ingest.pipeline.interrupts import Signals
from ingest.telemetry.observer import SILENT, Observer
from ingest.telemetry.report import Report

if TYPE_CHECKING:
    from ingest.jobs.forget import Forgetting


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
    help="Captions that people wrote: COCO, Flickr8k, CSV or TSV. Repeatable.",
)
@click.option("--no-captions", is_flag=True, help="Caption no image, only make them searchable.")
@click.option("--retry-failed", is_flag=True, help="Try images again that failed and have not changed since.")
@click.option("--confirm-deletes", is_flag=True, help="Delete what is gone, even over 10 % of a source.")
@store_options
@click.option(
    "--recheck",
    "list_recheck",
    is_flag=True,
    default=None,
    help="Ask for every picture of a list again, unless it is unchanged.",
)
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
    TSV, JSON Lines or Parquet file of web addresses, with captions if there are any.

    Without SOURCE: to all the `sources` of bucketlens.toml.

    Images that people have captioned (--captions) are left out by the captioner.

    Stop it whenever you like: the same command goes on where it was. Exit code 3: some files could not be used.
    With --every, --cron or --watch it goes on until it is stopped, and tells of each run in a line.
    """
    with wire(data=data, model=model, captioner=captioner, caption_beams=beams, **stores) as wiring:
        sources = sources or tuple(source.name for source in wiring.settings.sources)
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
            sys.exit(_dry_run(wiring, sources, caption_files, retry_failed, confirm_deletes, as_json=as_json))
        observer = SILENT if metrics_port is None else _metrics(wiring, metrics_host, metrics_port)
        if going_on:
            going = _keep_going(wiring, sources, caption_files, every, cron, watch, choices, observer, as_json=as_json)
            sys.exit(going)
        sys.exit(ingest_sources(wiring, sources, caption_files, as_json=as_json, observer=observer, **choices))


def ingest_sources(
    wiring: Wiring,
    sources: Sequence[str],
    caption_files: Sequence[Path] = (),
    *,
    captions: bool = True,
    caption_all: bool = False,
    retry_failed: bool = False,
    confirm_deletes: bool = False,
    as_json: bool = False,
    observer: Observer = SILENT,
) -> int:
    """Ingest, showing how it goes on standard error and the summary on standard output. Returns the exit code."""
    from ingest.commands.progress import show, show_remarks, summary

    choices = {
        "captions": captions,
        "caption_all": caption_all,
        "retry_failed": retry_failed,
        "confirm_deletes": confirm_deletes,
    }
    with Signals() as signals:
        report = Runner(
            wiring, sources, signals, show, caption_files=caption_files, observer=observer, **choices
        ).full()
    click.echo(json.dumps(report.to_dict()) if as_json else summary(report))
    if not as_json:
        show_remarks(report)
    return 128 + signals.received if signals.received else report.exit_code


def _keep_going(
    wiring: Wiring,
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
    """Run until stopped. Returns the exit code: 0 where no run was going on."""
    from ingest.commands.progress import line, show, show_remarks
    from ingest.scheduling import schedule
    from ingest.scheduling.daemon import Keeper, SystemClock, watchable
    from ingest.scheduling.folder_watcher import FolderWatch

    times = schedule.every(every) if every else schedule.cron(cron) if cron else schedule.Once()

    def tell(report: Report) -> None:
        click.echo(json.dumps(report.to_dict()) if as_json else line(report))
        if not as_json:
            show_remarks(report)

    def complain(error: BucketLensError | str) -> None:
        if as_json:
            click.echo(json.dumps({"error": str(error)}))
        click.echo(f"bucketlens: {printable_lines(render_message(error))}", err=True)

    with Signals() as signals:
        runner = Runner(
            wiring, sources, signals, show, caption_files=caption_files, observer=observer, prompt=watch, **choices
        )
        stores = runner.stores()
        watcher = FolderWatch(watchable(stores), [str(wiring.settings.data)]) if watch else None
        with watcher or nullcontext():
            keeper = Keeper(runner, watcher, stores, tell=tell, complain=complain)
            schedule.keep_going(times, keeper, SystemClock(), random.random)
    return 128 + signals.received if keeper.interrupted and signals.received else 0


def _metrics(wiring: Wiring, host: str, port: int) -> Observer:
    from ingest.telemetry.metrics import PrometheusMetrics

    metrics = PrometheusMetrics(wiring.last_run.latest())
    click.echo(f"metrics are at http://{host}:{metrics.serve(host, port)}/metrics", err=True)
    return metrics


def _dry_run(
    wiring: Wiring,
    sources: Sequence[str],
    caption_files: Sequence[Path],
    retry_failed: bool,
    confirm_deletes: bool,
    *,
    as_json: bool,
) -> int:
    from ingest.captions.caption_files import read_captions
    from ingest.commands.progress import table
    from ingest.jobs.dry_run import dry_run

    stores = [wiring.store(source) for source in sources]
    own = (path for each in wiring.settings.sources if each.name in sources for path in each.caption_files)
    for path in (*caption_files, *own):
        read_captions(path)  # raises what a run would
    try:
        index = wiring.index
    except LibraryMissing:
        index = None
    done = dry_run(stores, index, retry_failed=retry_failed, confirm_deletes=confirm_deletes)
    if as_json:
        click.echo(json.dumps(done.to_dict()))
        return done.exit_code
    table(done)
    for plan in done.plans:
        for kind, keys in plan.first.items():
            if keys and kind != "skip":
                more = plan.counts[kind] - len(keys)
                click.echo(f"{kind} in {printable(plan.source)}:")
                click.echo("".join(f"  {printable(key)}\n" for key in keys) + (f"  … {more:,} more" if more else ""))
        for remark in (plan.problem, plan.held_back):
            if remark:
                click.echo(f"Note: {printable_lines(render_message(remark))}", err=True)
    for notice in done.notices:
        click.echo(f"Note: {printable_lines(render_message(notice))}", err=True)
    return done.exit_code


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--yes", is_flag=True, help="Remove it; without this, only tell what would go.")
@data_option
@json_option
def forget(source: str, yes: bool, data: Path | None, as_json: bool) -> None:
    """Remove everything that the library holds of a source: records, captions, thumbnails. The pictures stay.

    SOURCE is named as for `bucketlens ingest`, or as `bucketlens status` lists it. It need not be there any more.
    """
    from ingest.jobs import forget as forgetting

    with wire(data=data) as wiring, Signals() as signals:
        if yes:
            wiring.write(until=signals.stop)
        index, lock = wiring.index, RunLock(wiring.settings.data)
        lock.look()
        found = forgetting.look(index, source, wiring.source_name(source))
        if yes:
            with lock:
                for _ in forgetting.forget(index, wiring.thumbnails, found, signals.stop):
                    pass
                if not lock.unclean:
                    lock.ended_well()
            if found.done:
                wiring.last_run.forget(found.source)
            if found.removed and (problem := _forgotten_by_copy(wiring)):
                click.echo(f"Note: the library's copy still holds it ({printable(problem)}): {_ERASE}", err=True)
        click.echo(json.dumps(found.to_dict()) if as_json else _told(found, wiring))
        if signals.received and not found.done:
            sys.exit(128 + signals.received)
        if not yes:
            raise UsageError("nothing was removed: run the same command again with --yes to remove them")


_ERASE = "remove the folder `mirror` beside the library, or run `bucketlens mirror build --anew`"


def _forgotten_by_copy(wiring: Wiring) -> str | None:
    """Make the library's copy without anything of what was removed. Returns what went wrong."""
    if not wiring.mirrors.exists():
        return None
    try:
        wiring.build_mirror(anew=True)
    except (BucketLensError, OSError) as error:
        return Notice.quoting(error).reason
    return None


def _told(found: "Forgetting", wiring: Wiring) -> str:
    """For people: what has gone, or what would go."""
    source = printable(found.source)
    human = f", {found.human:,} of them with captions that a person wrote" if found.human else ""
    held = f"{found.images:,} pictures{human}, and {found.failed:,} that failed"
    if found.removed:
        lines = [f"removed {found.removed:,} of {found.images + found.failed:,} from {source}: {held}"]
        if found.source in map(wiring.source_name, (each.name for each in wiring.settings.sources)):
            lines.append("it is one of the `sources` of bucketlens.toml: the next ingest reads it again")
    else:
        more = found.images + found.failed - len(found.first)
        lines = [f"from {source} the library holds {held}:", *(f"  {printable(key)}" for key in found.first)]
        lines += [f"  … {more:,} more"] if more > 0 else []
    return "\n".join(lines)


COMMANDS: list[click.Command] = [ingest, caption, import_vectors, forget, copy, reindex, switch]
