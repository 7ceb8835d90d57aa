"""Progress of a run on standard error (live bars on a terminal, else a line now and then), and summaries of it."""

import time
from collections.abc import Iterator
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.commands.output import note, table_console
from core.text.sanitize import printable
from ingest.jobs.dry_run import KINDS, DryRun
from ingest.telemetry import report
from ingest.telemetry.report import Phase, Report

_LINE_SECONDS = 15.0
_TITLES: dict[Phase, str] = {
    "images": "Indexing",
    "human_captions": "Taking in captions",
    "captions": "Captioning",
    "places": "Naming places",
    "thumbnails": "Thumbnails",
    "text": "Reading text",
}


def show(run: Iterator[report.Progress]) -> None:
    """Drive a run to its end, and show how far it is."""
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
        tasks: dict[Phase, TaskID] = {}
        started: dict[Phase, float] = {}
        for step in run:
            now = time.monotonic()
            if step.phase not in tasks:
                bars.update(waiting, visible=False)
                tasks[step.phase] = bars.add_task(_TITLES[step.phase], total=None, all="…", rate="", failed="")
                started[step.phase] = now
            seconds = now - started[step.phase]
            bars.update(
                tasks[step.phase],
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
            console.print(f"{_TITLES[step.phase]}: {step.done:,}{total}{failed}", highlight=False)


def summarize(done: Report) -> list[str]:
    """Say what was done, in two or three lines for people."""
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
    if done.excluded:
        lines.append(f"{done.excluded:,} excluded by your patterns")
    if done.rechecked:
        lines.append(f"{done.rechecked:,} rechecked (read again without a sign of a change)")
    if done.text_found:
        lines.append(f"text found in {done.text_found:,} of {done.text_read:,} that were read")
    return [*lines, *_summarize_unread(done), *_summarize_rest(done)]


def summarize_captions(done: Report) -> list[str]:
    """Say what was captioned, in a line or two for people."""
    return [f"{done.captioned:,} captioned in {done.seconds:.1f} s", *_summarize_rest(done)]


def summarize_text(done: Report) -> list[str]:
    """Say what was read, in a line or two for people."""
    looked = f"{done.text_read:,} looked at for text in {done.seconds:.1f} s, found in {done.text_found:,}"
    return [looked, *_summarize_unread(done), *_summarize_rest(done)]


def _summarize_unread(done: Report) -> list[str]:
    if not done.unread_lines:
        return []
    return [f"{done.unread_lines:,} lines could not be read, and were left out: another script, or too blurred"]


def summarize_line(done: Report) -> str:
    """Say what was done in one line, with the time."""
    return f"{datetime.now().isoformat(sep=' ', timespec='seconds')}  {'; '.join(summarize(done))}"


def collect_remarks(done: Report) -> list[str]:
    """Say what a person should know beside the summary."""
    lines = [note(remark) for remark in done.problems + done.notices]
    if done.failed:
        lines.append("`bucketlens failures` lists the files that failed, with their reasons.")
    return lines


def print_table(done: DryRun) -> None:
    """Print how many images of each source would be added, updated, deleted or left alone."""
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    drawn.add_column("source", overflow="fold")
    kinds = list(dict.fromkeys((*KINDS, *(kind for plan in done.plans for kind in plan.first))))
    for kind in kinds:
        drawn.add_column(kind, justify="right")
    for plan in done.plans:
        drawn.add_row(Text(printable(plan.source)), *(f"{plan.counts[kind]:,}" for kind in kinds))
    table_console().print(drawn)


def _summarize_rest(done: Report) -> list[str]:
    lines = []
    if done.thumbnails:
        lines.append(f"{done.thumbnails:,} thumbnails that were missing have been made again")
    if flaws := [f"{count:,} {flaw}" for flaw, count in sorted(done.caption_flaws.items()) if count > 0]:
        kinds = "`bucketlens search --caption-flaw KIND` lists them"
        lines.append(f"captions with a flaw: {', '.join(flaws)} ({kinds})")
    if done.pending_captions:
        lines.append(f"{done.pending_captions:,} images have no caption yet")
    if done.pending_text:
        lines.append(f"{done.pending_text:,} images have not been looked at for text yet")
    if done.interrupted:
        lines.append("stopped; what has been done stays, and the same command goes on from here")
    return lines
