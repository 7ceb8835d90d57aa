"""The command `ingest`."""

import json
import random
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from core.cli import data_option, json_option, printable, printable_lines, wire
from core.errors import LibraryMissing, UsageError
from core.wiring import Wiring
from ingest.observer import SILENT, Observer
from ingest.report import Report
from ingest.runner import Runner
from ingest.stopping import Signals


@click.command()
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option("--model", metavar="NAME|PATH", help="Encoder of a new library: see `bucketlens models`.")
@click.option("--captioner", metavar="NAME|PATH", help="Captioner: see `bucketlens models`.")
@click.option("--captions/--no-captions", default=True, help="Caption images, once all of them are searchable.")
@click.option("--retry-failed", is_flag=True, help="Try images again that failed and have not changed since.")
@click.option("--confirm-deletes", is_flag=True, help="Delete what is gone, even over 10 % of a source.")
@click.option("--endpoint-url", metavar="URL", help="Address of an S3-compatible store (default: Amazon's).")
@click.option("--profile", metavar="NAME", help="Profile of ~/.aws/config, for s3://…")
@click.option("--no-sign-request", is_flag=True, help="Read public buckets without credentials.")
@click.option("--requester-pays", is_flag=True, help="Read buckets whose reader pays.")
@click.option("--versioned", is_flag=True, help="Read exactly the versions that were listed, in versioned buckets.")
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
    captions: bool,
    retry_failed: bool,
    confirm_deletes: bool,
    endpoint_url: str | None,
    profile: str | None,
    no_sign_request: bool,
    requester_pays: bool,
    versioned: bool,
    every: str | None,
    cron: str | None,
    watch: bool,
    dry_run: bool,
    metrics_port: int | None,
    metrics_host: str,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make the library equal to its sources: add what is new, update what changed, delete what is gone.

    A SOURCE is a folder, or s3://BUCKET/PREFIX: everything below PREFIX/ in a bucket of Amazon S3 or of a store that
    speaks its language. Reading it takes the rights to list the bucket and to get its objects.

    Without SOURCE: to all the `sources` of bucketlens.toml.

    Stop it whenever you like: the same command goes on where it was. Exit code 3: some files could not be used.
    With --every, --cron or --watch it goes on until it is stopped, and tells of each run in a line.
    """
    flags = {
        "s3_endpoint_url": endpoint_url,
        "s3_profile": profile,
        "s3_anonymous": no_sign_request or None,
        "s3_requester_pays": requester_pays or None,
        "s3_versioned": versioned or None,
    }
    with wire(data=data, model=model, captioner=captioner, **flags) as wiring:
        sources = sources or tuple(source.name for source in wiring.settings.sources)
        if not sources:
            raise UsageError(
                'no source to ingest: name one, as in `bucketlens ingest ~/Pictures`, or put sources = ["~/Pictures"] '
                "into bucketlens.toml"
            )
        choices = {"captions": captions, "retry_failed": retry_failed, "confirm_deletes": confirm_deletes}
        going_on = bool(every or cron or watch)
        if every and cron:
            raise UsageError("--every and --cron exclude each other: give one of them")
        if dry_run and (going_on or metrics_port is not None):
            raise UsageError("--dry-run does nothing, so it goes with none of --every, --cron, --watch, --metrics-port")
        if dry_run:
            sys.exit(_dry_run(wiring, sources, retry_failed, confirm_deletes, as_json=as_json))
        observer = SILENT if metrics_port is None else _metrics(wiring, metrics_host, metrics_port)
        if going_on:
            sys.exit(_keep_going(wiring, sources, every, cron, watch, choices, observer, as_json=as_json))
        sys.exit(ingest_sources(wiring, sources, as_json=as_json, observer=observer, **choices))


def ingest_sources(
    wiring: Wiring,
    sources: Sequence[str],
    *,
    captions: bool = True,
    retry_failed: bool = False,
    confirm_deletes: bool = False,
    as_json: bool = False,
    observer: Observer = SILENT,
) -> int:
    """Ingest, showing how it goes on standard error and the summary on standard output. Returns the exit code."""
    from ingest.display import show, summary

    choices = {"captions": captions, "retry_failed": retry_failed, "confirm_deletes": confirm_deletes}
    with Signals() as signals:
        report = Runner(wiring, sources, signals, show, observer=observer, **choices).full()
    click.echo(json.dumps(report.to_dict()) if as_json else summary(report))
    if not as_json:
        _remarks(report)
    return 128 + signals.received if signals.received else report.exit_code


def _keep_going(
    wiring: Wiring,
    sources: Sequence[str],
    every: str | None,
    cron: str | None,
    watch: bool,
    choices: dict[str, bool],
    observer: Observer,
    *,
    as_json: bool,
) -> int:
    """Run until stopped. Returns the exit code: 0 where no run was going on."""
    from ingest import schedule
    from ingest.display import line, show
    from ingest.keep import Keeper, SystemClock, watchable
    from ingest.watch import FolderWatch

    times = schedule.every(every) if every else schedule.cron(cron) if cron else schedule.Once()

    def tell(report: Report) -> None:
        click.echo(json.dumps(report.to_dict()) if as_json else line(report))
        if not as_json:
            _remarks(report)

    def complain(error: str) -> None:
        if as_json:
            click.echo(json.dumps({"error": error}))
        click.echo(f"bucketlens: {error}", err=True)

    with Signals() as signals:
        runner = Runner(wiring, sources, signals, show, observer=observer, prompt=watch, **choices)
        stores = runner.stores()
        watcher = FolderWatch(watchable(stores), [str(wiring.settings.data)]) if watch else None
        with watcher or nullcontext():
            keeper = Keeper(runner, watcher, stores, tell=tell, complain=complain)
            schedule.keep_going(times, keeper, SystemClock(), random.random)
    return 128 + signals.received if keeper.interrupted and signals.received else 0


def _remarks(report: Report) -> None:
    for remark in report.problems + report.notices:
        click.echo(f"Note: {printable_lines(remark)}", err=True)
    if report.failed:
        click.echo("`bucketlens failures` lists the files that failed, with their reasons.", err=True)


def _metrics(wiring: Wiring, host: str, port: int) -> Observer:
    from ingest.metrics import PrometheusMetrics

    metrics = PrometheusMetrics(wiring.last_run.latest())
    click.echo(f"metrics are at http://{host}:{metrics.serve(host, port)}/metrics", err=True)
    return metrics


def _dry_run(
    wiring: Wiring, sources: Sequence[str], retry_failed: bool, confirm_deletes: bool, *, as_json: bool
) -> int:
    from ingest.display import table
    from ingest.dry_run import dry_run

    stores = [wiring.store(source) for source in sources]
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
                click.echo(f"Note: {printable_lines(remark)}", err=True)
    for notice in done.notices:
        click.echo(f"Note: {printable_lines(notice)}", err=True)
    return done.exit_code


COMMANDS: list[click.Command] = [ingest]
