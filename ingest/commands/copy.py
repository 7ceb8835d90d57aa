"""The command `copy`."""

import json
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click

from core.bootstrap import Wiring
from core.commands.status import data_option, json_option, printable, wire
from core.errors import LibraryUnreachable, UsageError
from core.ports.vector_index import VectorIndex
from core.settings import Settings, load_settings
from ingest.jobs import library_copy
from ingest.jobs.run_lock import RunLock
from ingest.pipeline.interrupts import Signals

_PATIENCE = 60.0  # seconds for a library that somebody else holds
_TELL_EVERY = 15.0


@click.command()
@click.option(
    "--from", "origin", required=True, metavar="DIR|URL", help="Library to copy: a folder or a Qdrant server."
)
@click.option("--to", "goal", required=True, metavar="DIR|URL", help="Where to: a folder or a Qdrant server.")
@data_option
@json_option
def copy(origin: str, goal: str, data: Path | None, as_json: bool) -> None:
    """Copy a library from a folder to a Qdrant server, back, or into another folder, without reading a picture.

    Everything is copied: vectors, captions, what failed; thumbnails too where the other library keeps them in another
    folder (that of a server is --data). What is there already as it is is passed over, so the same command goes on
    after a stop or a kill. In the end both are compared: the number of pictures, and 500 of them whole.
    """
    with wire(data=data) as given, ExitStack() as opened, Signals() as signals:
        source, target = (opened.enter_context(Wiring(_at(given.settings, place))) for place in (origin, goal))
        if _place(source.settings) == _place(target.settings):
            raise UsageError("--from and --to are the same library: give two")
        target.write(until=signals.stop)
        ours = source.index
        _lock(opened, source, target)
        theirs = target.create_index(ours.info)
        thumbnails = _copy_thumbnails(source, target, signals.stop)
        done, problems = _copy(ours, theirs, signals.stop, as_json)
        if problems == []:
            _copy_last_run(source, target)
    told: dict[str, Any] = {"written": done.written, "same": done.same, "others": done.others, "thumbnails": thumbnails}
    told |= {"interrupted": problems is None, "problems": problems or []}
    click.echo(json.dumps(told) if as_json else _summary(done, thumbnails, interrupted=problems is None))
    for problem in (problems or []) if not as_json else ():
        click.echo(f"Note: {printable(problem)}", err=True)
    sys.exit(128 + (signals.received or 0) if problems is None else 1 if problems else 0)


def _lock(opened: ExitStack, *libraries: Wiring) -> None:
    """Nobody else writes these meanwhile, on this machine. Raises LibraryBusy."""
    for folder in {library.settings.data.resolve() for library in libraries}:
        lock = opened.enter_context(RunLock(folder))
        if not lock.unclean:
            opened.callback(lock.ended_well)


def _copy(
    ours: VectorIndex, theirs: VectorIndex, stop: threading.Event, as_json: bool
) -> tuple[library_copy.Copied, list[str] | None]:
    """What was copied, and what is not as it should be; None where it was stopped."""
    done = library_copy.Copied(0)
    last = time.monotonic()
    try:
        for done in library_copy.copy(ours, theirs):
            if stop.is_set():
                return done, None
            if not as_json and time.monotonic() - last >= _TELL_EVERY:
                last = time.monotonic()
                click.echo(f"Copying: {done.done:,} of {done.total:,}", err=True)
        if done.written:
            theirs.optimize()
        return done, library_copy.differences(ours, theirs, done)
    except LibraryUnreachable:
        if not stop.is_set():
            raise
        return done, None


def _at(settings: Settings, place: str) -> Settings:
    """The settings, with the library in this place. Raises InvalidSetting."""
    server = place.startswith(("http://", "https://"))
    checked = load_settings(data=settings.data, qdrant_url=place) if server else load_settings(data=place)
    qdrant = settings.qdrant.model_copy(update={"url": checked.qdrant.url if server else None})
    changed = {"data": checked.data, "qdrant": qdrant, "index_wait": max(_PATIENCE, settings.index_wait)}
    return settings.model_copy(update=changed)


def _place(settings: Settings) -> str:
    return settings.qdrant.url or str(settings.data.resolve())


def _copy_thumbnails(source: Wiring, target: Wiring, stop: threading.Event) -> int:
    """Where the libraries keep them in two folders. Returns how many were missing, or others."""
    if source.settings.data.resolve() == target.settings.data.resolve():
        return 0
    count = 0
    for image_id in source.thumbnails.ids():
        if stop.is_set():
            break
        jpeg = source.thumbnails.get(image_id)
        if jpeg is not None and target.thumbnails.get(image_id) != jpeg:
            target.thumbnails.put(image_id, jpeg)
            count += 1
    return count


def _copy_last_run(source: Wiring, target: Wiring) -> None:
    for name, ended in source.last_run.sources().items():
        with suppress(OSError):
            target.last_run.write(ended, [name])


def _summary(done: library_copy.Copied, thumbnails: int, *, interrupted: bool) -> str:
    if interrupted:
        return f"stopped at {done.done:,} of {done.total:,} pictures: the same command goes on"
    others = f"; the target holds {done.others:,} more" if done.others else ""
    copied = f"{done.written:,} pictures and {thumbnails:,} thumbnails were copied"
    return f"{copied}, {done.same:,} pictures were there already{others}"
