"""The command `forget`: remove what a library holds of a source."""

from collections.abc import Iterator
from pathlib import Path

import click

from core.bootstrap import Container
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish, print_note
from core.errors import Notice, UsageError
from core.text.sanitize import printable
from ingest.jobs import forget as forgetting
from ingest.jobs.run_lock import RunLock
from ingest.pipeline.interrupts import Signals

_ERASE = "remove the folder `mirror` beside the library, or run `bucketlens mirror build --anew`"


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--yes", is_flag=True, help="Remove it; without this, only tell what would go.")
@data_option
@json_option
def forget(source: str, yes: bool, data: Path | None, as_json: bool) -> None:
    """Remove everything that the library holds of a source: records, captions, thumbnails. The pictures stay.

    SOURCE is named as for `bucketlens ingest`, or as `bucketlens status` lists it. It need not be there any more.
    """
    with open_container(data=data) as container, Signals() as signals:
        if yes:
            container.write(until=signals.stop)
        index, lock = container.index, RunLock(container.settings.data)
        lock.look()
        found = forgetting.plan_forget(index, source, container.sources.canonical_name(source))
        if yes:
            with lock, container.lease():
                for _ in forgetting.forget(index, container.thumbnails, found, signals.stop):
                    pass
                if not lock.unclean:
                    lock.ended_well()
            if found.done:
                container.files.last_run.forget(found.source)
            rebuild = found.removed and container.mirrors.exists()
            if rebuild and (problem := container.mirrors.try_build(lambda: container.index, anew=True)):
                print_note(f"the mirror still holds it ({printable(Notice.quoting(problem).reason)}): {_ERASE}")
        code = 0 if found.done else signals.exit_code(0)
        finish(found.to_dict(), _lines(found, container), as_json=as_json, exit_code=code)
        if not yes:
            raise UsageError("nothing was removed: run the same command again with --yes to remove them")


def _lines(found: forgetting.ForgetPlan, container: Container) -> Iterator[str]:
    """Say what has gone, or what would go."""
    source = printable(found.source)
    human = f", {found.human:,} of them with captions that a person wrote" if found.human else ""
    contents = f"{found.images:,} pictures{human}, and {found.failed:,} that failed"
    if found.removed:
        yield f"removed {found.removed:,} of {found.images + found.failed:,} from {source}: {contents}"
        if found.source in map(container.sources.canonical_name, (each.name for each in container.settings.sources)):
            yield "it is one of the `sources` of bucketlens.toml: the next ingest reads it again"
    else:
        yield f"from {source} the library holds {contents}:"
        yield from (f"  {printable(key)}" for key in found.first)
        more = found.images + found.failed - len(found.first)
        if more > 0:
            yield f"  … {more:,} more"
