"""The command `mirror`: the mirror, which answers while the library cannot."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import click

from core.bootstrap import Container, model_folder
from core.commands.hints import library_options, render_hint
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from core.domain.model_catalog import find
from core.errors import UsageError
from core.errors.hints import BuildMirror
from core.text.sanitize import printable


@click.group()
def mirror() -> None:
    """Make and check the mirror, which answers searches while the library cannot."""


@mirror.command()
@click.option("--anew", is_flag=True, help="Take nothing over from earlier generations, and keep none of them.")
@data_option
@json_option
def build(anew: bool, data: Path | None, as_json: bool) -> None:
    """Make the mirror equal to the library, as each ingest does; only what was written since the last time is read."""
    with open_container(data=data) as container:
        container.mirrors.build(container.index, anew=anew)
        _finish_with_summary(container, as_json)


@mirror.command()
@data_option
@json_option
def status(data: Path | None, as_json: bool) -> None:
    """Tell how old the mirror is, what it holds, and whether it is sound."""
    with open_container(data=data) as container:
        _finish_with_summary(container, as_json)


@mirror.command()
@data_option
@json_option
def verify(data: Path | None, as_json: bool) -> None:
    """Read every file of the mirror, and of the generation before it, and compare them with what was written."""
    with open_container(data=data) as container:
        found = container.mirrors.verify()
    damaged = any(problem for _, problem in found)
    finish(
        {"generations": [{"name": name, "problem": problem} for name, problem in found]},
        (f"{name}: {printable(problem) if problem else 'sound'}" for name, problem in found),
        [render_hint(BuildMirror())] if damaged else [],
        as_json=as_json,
        exit_code=1 if damaged else 0,
    )


@mirror.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--thumbnails", is_flag=True, help="Pack the thumbnails too, without which the page shows empty frames.")
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@data_option
@json_option
def export_copy(file: Path, thumbnails: bool, force: bool, data: Path | None, as_json: bool) -> None:
    """Pack the mirror into one FILE, for a machine without a network.

    There, `bucketlens mirror import` takes it in, and `search`, `facets`, `duplicates` and `ui` answer from it.
    """
    if file.exists() and not force:
        raise UsageError(f"{file} is there already: give another name, or --force to replace it")
    with open_container(data=data) as container:
        packed = container.mirrors.export(file, container.thumbnails if thumbnails else None)
        points, size = packed.manifest.points, file.stat().st_size
        lines = (
            f"{points:,} entries and {packed.thumbnails:,} thumbnails, {size / 1e6:,.1f} MB",
            f"on the other machine: bucketlens mirror import {printable(quote(file.name))} --data FOLDER",
        )
        result = {"points": points, "thumbnails": packed.thumbnails, "as_of": packed.as_of.isoformat(), "bytes": size}
        finish(result, lines, as_json=as_json)


@mirror.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@data_option
@json_option
def import_copy(file: Path, data: Path | None, as_json: bool) -> None:
    """Take in a mirror that `bucketlens mirror export` packed, into a folder without a library of its own.

    All of FILE is checked before it is used; one that is not whole changes nothing. Take files only from who may show
    you pictures: what they hold is shown as it is.
    """
    with open_container(data=data) as container:
        packed = container.mirrors.take_in(file, container.thumbnails, container.index_versions)
        if as_json:
            _finish_with_summary(container, as_json)
            return
        as_of = packed.as_of.isoformat(" ", "seconds")
        lines = [f"{packed.manifest.points:,} entries and {packed.thumbnails:,} thumbnails, as they were at {as_of}"]
        card = find(packed.manifest.info.model, "encoder")
        if card is not None and model_folder(card) is None:
            name = printable(card.name)
            lines.append(
                f"the model {name} is not on this machine: without it there is browsing, but no search by words"
            )
        lines.append(f"search it: bucketlens ui --offline {printable(library_options(container.settings.data))}")
        click.echo("\n".join(lines))


def _finish_with_summary(container: Container, as_json: bool) -> None:
    """Print how old the mirror is and what it holds. Raises MirrorMissing, MirrorDamaged."""
    mirror = container.mirror
    found = asdict(mirror.summary()) | {
        "as_of": mirror.as_of.isoformat(),
        "bytes": mirror.size_bytes(),
        "model": mirror.info.model,
        "problem": mirror.health,
    }
    finish(found, _lines(found), as_json=as_json)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    age = (datetime.now(UTC) - datetime.fromisoformat(found["as_of"])).total_seconds()
    yield f"{found['points']:,} entries, as they were {age:,.0f} seconds ago"
    yield f"{found['name']}, {found['segments']} segments, vectors as {found['storage']}"
    yield f"{found['bytes'] / 1e6:,.1f} MB; model {printable(found['model'])}"
    if found["problem"]:
        problem = f"{found['problem']}; {render_hint(BuildMirror())}"
        yield f"the newest generation cannot be used, this is the one before: {printable(problem)}"
