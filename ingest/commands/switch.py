"""The command `switch`: put to use what `reindex` has made."""

from pathlib import Path

import click

from core.bootstrap import Container
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish, print_note
from core.domain.filtering.filters import INDEXED
from core.errors import BucketLensError, Notice, UsageError
from core.index_versions import other_version, previous_version
from core.text.sanitize import printable
from ingest.jobs.run_lock import RunLock


@click.command()
@click.option("--model", metavar="NAME|PATH", help="Of several that were made: which.")
@click.option("--back", is_flag=True, help="Back to the one that was in use before.")
@click.option("--incomplete", is_flag=True, help="Even where the other one holds fewer pictures.")
@data_option
@json_option
def switch(model: str | None, back: bool, incomplete: bool, data: Path | None, as_json: bool) -> None:
    """Put to use what `bucketlens reindex` has made, at once. What was in use before stays; --back undoes it."""
    if back and model:
        raise UsageError("--back and --model exclude each other: give one of them")
    with open_container(data=data) as container:
        container.write()
        before = container.index.info
        with RunLock(container.settings.data) as lock, container.lease():
            chosen = (
                previous_version(container.index_versions) if back else other_version(container.index_versions, model)
            )
            with container.at_version(chosen) as other:
                now = other.index.info
                if not (back or incomplete):
                    _check_complete(container, other)
            container.index_versions.use(chosen)
            container.files.last_run.forget()  # it was the other's
            container.files.recaption_checkpoint.delete()
            container.files.text_checkpoint.delete()
            problem = _rebuild_mirror(container)
            if not lock.unclean:
                lock.ended_well()
        set_to = container.settings.model
    line = (
        f"this library uses the model {printable(now.model)} from now on, {printable(before.model)} before; "
        "`bucketlens switch --back` undoes it"
    )
    finish({"model": now.model, "before": before.model}, [line], as_json=as_json)
    if problem:
        print_note(Notice.quoting(problem, "the mirror that answers while the library cannot was not made: "))
    if set_to not in (None, now.model):
        print_note(f"the setting model is {set_to}; leave it away, or set it to {now.model}")


def _rebuild_mirror(container: Container) -> BucketLensError | OSError | None:
    """Make the mirror from what is in use now. Return what went wrong, or None."""
    if not container.settings.mirror.enabled:
        return None
    with Container(container.settings) as now:
        return now.mirrors.try_build(lambda: now.index)


def _check_complete(container: Container, other: Container) -> None:
    """Raise UsageError where the other library holds fewer pictures than the one in use."""
    held, here = other.index.count(INDEXED), container.index.count(INDEXED)
    if held < here:
        raise UsageError(
            f"the library for {other.index.info.model} holds {held:,} pictures, the one in use {here:,}: run "
            "`bucketlens reindex` again to complete it, or give --incomplete"
        )
