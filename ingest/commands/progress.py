"""Draws a run while it goes on: live bars on a terminal, a line now and then elsewhere. All on standard error."""

import time
from collections.abc import Iterator
from datetime import datetime

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.commands.hints import render_message
from core.commands.status import printable, printable_lines
from ingest.jobs.dry_run import KINDS, DryRun
from ingest.telemetry import report
from ingest.telemetry.report import Report, Stage

_LINE_SECONDS = 15.0
_UNFOLDED = 10_000  # columns: what goes into a file or a pipe has one source a line
_TITLES: dict[Stage, str] = {
    "images": "Indexing",
    "given": "Taking in captions",
    "captions": "Captioning",
    "thumbnails": "Thumbnails",
}


def show(run: Iterator[report.Progress]) -> None:
    """Let the run go to its end, and show where it is."""
    console = Console(stderr=True)
    if console.is_terminal:
        _live(run, console)
    else:
        _lines(run, console)


def _live(run: Iterator[report.Progress], console: Console) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.fields[all]}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        waiting = bars.add_task("Looking for what is new …", total=None, all="…", rate="", failed="")
        tasks: dict[Stage, TaskID] = {}
        started: dict[Stage, float] = {}
        for step in run:
            now = time.monotonic()
            if step.stage not in tasks:
                bars.update(waiting, visible=False)
                tasks[step.stage] = bars.add_task(_TITLES[step.stage], total=None, all="…", rate="", failed="")
                started[step.stage] = now
            seconds = now - started[step.stage]
            bars.update(
                tasks[step.stage],
                completed=step.done,
                total=step.total,
                all="…" if step.total is None else f"{step.total:,}",
                rate=f"{step.done / seconds:.1f}/s" if seconds > 1 else "",
                failed=f"[red]{step.report.failed:,} failed" if step.report.failed else "",
            )


def _lines(run: Iterator[report.Progress], console: Console) -> None:
    last = time.monotonic()
    for step in run:
        now = time.monotonic()
        if now - last >= _LINE_SECONDS:
            last = now
            total = "" if step.total is None else f" of {step.total:,}"
            failed = f", {step.report.failed:,} failed" if step.report.failed else ""
            console.print(f"{_TITLES[step.stage]}: {step.done:,}{total}{failed}", highlight=False)


def summary(done: Report) -> str:
    """What was done, in two or three lines for people."""
    return "\n".join(_summary(done))


def caption_summary(done: Report) -> str:
    """What was captioned, in a line or two for people."""
    lines = [f"{done.captioned:,} captioned in {done.seconds:.1f} s"]
    return "\n".join(lines + _left(done))


def show_remarks(done: Report) -> None:
    """On standard error: what a person should know."""
    for remark in done.problems + done.notices:
        click.echo(f"Note: {printable_lines(render_message(remark))}", err=True)
    if done.failed:
        click.echo("`bucketlens failures` lists the files that failed, with their reasons.", err=True)


def line(done: Report) -> str:
    """The same in one line, with the time."""
    return f"{datetime.now().isoformat(sep=' ', timespec='seconds')}  {'; '.join(_summary(done))}"


def table(done: DryRun) -> None:
    """On standard output: how many images of each source would be added, updated, deleted, left alone."""
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    drawn.add_column("source", overflow="fold")
    kinds = list(dict.fromkeys((*KINDS, *(kind for plan in done.plans for kind in plan.first))))
    for kind in kinds:
        drawn.add_column(kind, justify="right")
    for plan in done.plans:
        drawn.add_row(Text(printable(plan.source)), *(f"{plan.counts[kind]:,}" for kind in kinds))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    console.print(drawn)


def _summary(done: Report) -> list[str]:
    counts = [
        f"{done.added:,} added",
        f"{done.updated:,} updated",
        f"{done.skipped:,} unchanged",
        f"{done.deleted:,} deleted",
        f"{done.failed:,} failed",
        f"{done.captioned:,} captioned",
    ]
    speed = f", {done.images_per_second:.1f} images/s" if done.images_per_second else ""
    lines = [f"{', '.join(counts)} in {done.seconds:.1f} s{speed}"]
    if done.human_captions:
        lines.append(f"{done.human_captions:,} images have new captions of people")
    if done.ignored:
        lines.append(f"{done.ignored:,} files passed over that are no pictures")
    return lines + _left(done)


def _left(done: Report) -> list[str]:
    lines = []
    if done.thumbnails:
        lines.append(f"{done.thumbnails:,} thumbnails that were missing have been made again")
    if done.pending_captions:
        lines.append(f"{done.pending_captions:,} images have no caption yet")
    if done.interrupted:
        lines.append("stopped; what has been done stays, and the same command goes on from here")
    return lines
