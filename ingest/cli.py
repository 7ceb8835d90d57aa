"""The command `ingest`."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TypeVar

import click

from core.cli import data_option, json_option, printable_lines, wire
from core.wiring import Wiring
from ingest.lock import RunLock
from ingest.parts import Options, Parts
from ingest.report import Report
from ingest.run import run_ingest

T = TypeVar("T")


@click.command()
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
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
    data: Path | None,
    as_json: bool,
) -> None:
    """Make the library equal to its sources: add what is new, update what changed, delete what is gone.

    A SOURCE is a folder, or s3://BUCKET/PREFIX: everything below PREFIX/ in a bucket of Amazon S3 or of a store that
    speaks its language. Reading it takes the rights to list the bucket and to get its objects.

    Stop it whenever you like: the same command goes on where it was. Exit code 3: some files could not be used.
    """
    flags = {
        "s3_endpoint_url": endpoint_url,
        "s3_profile": profile,
        "s3_anonymous": no_sign_request or None,
        "s3_requester_pays": requester_pays or None,
        "s3_versioned": versioned or None,
    }
    with wire(data=data, model=model, captioner=captioner, **flags) as wiring:
        choices = {"captions": captions, "retry_failed": retry_failed, "confirm_deletes": confirm_deletes}
        sys.exit(ingest_sources(wiring, sources, as_json=as_json, **choices))


def ingest_sources(
    wiring: Wiring,
    sources: Sequence[str],
    *,
    captions: bool = True,
    retry_failed: bool = False,
    confirm_deletes: bool = False,
    as_json: bool = False,
) -> int:
    """Ingest, showing how it goes on standard error and the summary on standard output. Returns the exit code."""
    report = Report()
    stores = [wiring.store(source) for source in sources]
    options = Options(
        batch_size=wiring.settings.batch_size,
        thumbnail_px=wiring.settings.thumbnail_px,
        readers=(wiring.settings.decode_workers or os.cpu_count() or 1) + 2,
        captions=captions,
        retry_failed=retry_failed,
        confirm_deletes=confirm_deletes,
    )
    from ingest.display import show, summary

    with _Signals() as signals:
        try:
            parts = _parts(wiring, options, signals)  # may fail for want of a model: nothing is written before it
            with RunLock(wiring.settings.data) as lock:
                show(run_ingest(parts, stores, report, sweep=lock.unclean))
                if not report.interrupted:
                    lock.ended_well()
        except _Interrupted:
            report.interrupted = True
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    else:
        click.echo(summary(report))
        for remark in report.problems + report.notices:
            click.echo(f"Note: {printable_lines(remark)}", err=True)
        if report.failed:
            click.echo("`bucketlens failures` lists the files that failed, with their reasons.", err=True)
    return 128 + signals.received if signals.received else report.exit_code


def _parts(wiring: Wiring, options: Options, signals: "_Signals") -> Parts:
    index = signals.interruptible(wiring.create_index)
    if wiring.settings.model not in (None, index.info.model):
        # raises ModelMismatch unless it is the library's model under another name
        signals.interruptible(lambda: wiring.encoder)
    return Parts(
        index=index,
        encoder=lambda: signals.interruptible(lambda: wiring.encoder),
        captioner=lambda: signals.interruptible(lambda: wiring.captioner),
        decoder=wiring.decoder,
        thumbnails=wiring.thumbnails,
        open_store=wiring.store,
        options=options,
        stop=signals.stop,
        at_once=signals.interruptible,
    )


class _Interrupted(BaseException):
    """A signal came during what may be cut off, like loading a model. No Exception: vendors catch those."""


class _Signals:
    """While entered, the first SIGINT or SIGTERM sets `stop`, and what is `interruptible` ends at once.

    A second one interrupts whatever is going on; while something `interruptible` is ending it kills the process.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.received: int | None = None
        self._interruptible = False

    def __enter__(self) -> "_Signals":
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def interruptible(self, load: Callable[[], T]) -> T:
        """What `load` returns. In the main thread, and for what may be cut off anywhere without harm."""
        self._interruptible = True
        try:
            if self.stop.is_set():
                raise _Interrupted
            return load()
        finally:
            self._interruptible = False

    def _handle(self, number: int, _: FrameType | None) -> None:
        again = self.received is not None
        self.received = self.received or number
        self.stop.set()
        if not self._interruptible:
            if again:
                raise KeyboardInterrupt
            return
        if again:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os.write(2, b"stopping; should a model that is being fetched hold this up, the same again ends it at once\n")
        raise _Interrupted


COMMANDS: list[click.Command] = [ingest]
