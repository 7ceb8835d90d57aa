"""The command `copy`: one library into another place."""

import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from core.bootstrap import Container
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish, note
from core.errors import LibraryUnreachable, UsageError
from core.ports.vector_index import VectorIndex
from core.settings import Settings, load_settings
from core.text.sanitize import printable
from ingest.jobs import library_copy
from ingest.jobs.run_lock import RunLock
from ingest.pipeline.interrupts import Signals

_WAIT_SECONDS = 60.0  # seconds for a library that somebody else holds
_PROGRESS_SECONDS = 15.0


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
    folder (that of a server is --data). Pictures that are there already, and are the same, are skipped: the same
    command goes on after a stop or a kill. In the end both are compared: the number of pictures, and 500 of them whole.
    """
    with open_container(data=data) as given, ExitStack() as opened, Signals() as signals:
        source, target = (
            opened.enter_context(Container(_settings_at(given.settings, place))) for place in (origin, goal)
        )
        if _location(source.settings) == _location(target.settings):
            raise UsageError("--from and --to are the same library: give two")
        target.write(until=signals.stop)
        ours = source.index
        _lock(opened, source, target)
        opened.enter_context(target.lease())
        theirs = target.create_index(ours.info)
        thumbnails = _copy_thumbnails(source, target, signals.stop)
        done, problems = _copy(ours, theirs, signals.stop, as_json)
        if problems == []:
            _copy_last_run(source, target)
    interrupted, problems = problems is None, problems or []
    result = {"written": done.written, "same": done.same, "others": done.others, "thumbnails": thumbnails}
    finish(
        result | {"interrupted": interrupted, "problems": problems},
        [_summarize(done, thumbnails, interrupted=interrupted)],
        [note(printable(problem)) for problem in problems],
        as_json=as_json,
        exit_code=128 + (signals.received or 0) if interrupted else 1 if problems else 0,
    )


def _lock(opened: ExitStack, *libraries: Container) -> None:
    """Keep others on this machine from writing the libraries meanwhile. Raises LibraryBusy."""
    for folder in {library.settings.data.resolve() for library in libraries}:
        lock = opened.enter_context(RunLock(folder))
        if not lock.unclean:
            opened.callback(lock.ended_well)


def _copy(
    ours: VectorIndex, theirs: VectorIndex, stop: threading.Event, as_json: bool
) -> tuple[library_copy.CopyProgress, list[str] | None]:
    """Copy and compare. Return what was copied, and the differences found, or None where it was stopped."""
    done = library_copy.CopyProgress(0)
    last = time.monotonic()
    try:
        for done in library_copy.copy(ours, theirs):
            if stop.is_set():
                return done, None
            if not as_json and time.monotonic() - last >= _PROGRESS_SECONDS:
                last = time.monotonic()
                click.echo(f"Copying: {done.done:,} of {done.total:,}", err=True)
        if done.written:
            theirs.optimize()
        return done, library_copy.find_differences(ours, theirs, done)
    except LibraryUnreachable:
        if not stop.is_set():
            raise
        return done, None


def _settings_at(settings: Settings, place: str) -> Settings:
    """Return the settings with the library in this place. Raises InvalidSetting."""
    server = place.startswith(("http://", "https://"))
    checked = load_settings(data=settings.data, qdrant_url=place) if server else load_settings(data=place)
    qdrant = settings.qdrant.model_copy(update={"url": checked.qdrant.url if server else None})
    changed = {"data": checked.data, "qdrant": qdrant, "index_wait": max(_WAIT_SECONDS, settings.index_wait)}
    return settings.model_copy(update=changed)


def _location(settings: Settings) -> str:
    return settings.qdrant.url or str(settings.data.resolve())


def _copy_thumbnails(source: Container, target: Container, stop: threading.Event) -> int:
    """Copy thumbnails where the libraries keep them in two folders. Return how many were missing or different."""
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


def _copy_last_run(source: Container, target: Container) -> None:
    for name, ended in source.files.last_run.sources().items():
        with suppress(OSError):
            target.files.last_run.write(ended, [name])


def _summarize(done: library_copy.CopyProgress, thumbnails: int, *, interrupted: bool) -> str:
    if interrupted:
        return f"stopped at {done.done:,} of {done.total:,} pictures: the same command goes on"
    others = f"; the target holds {done.others:,} more" if done.others else ""
    copied = f"{done.written:,} pictures and {thumbnails:,} thumbnails were copied"
    return f"{copied}, {done.same:,} pictures were there already{others}"
