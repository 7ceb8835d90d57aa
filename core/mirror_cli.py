"""The commands of `mirror`: the library's copy, which answers while the library cannot."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from core.cli import data_option, json_option, printable, wire
from core.errors import BucketLensError
from core.wiring import Wiring


@click.group()
def mirror() -> None:
    """Make and check the library's copy, which answers searches while the library cannot."""


@mirror.command()
@data_option
@json_option
def build(data: Path | None, as_json: bool) -> None:
    """Make the copy equal to the library, as each ingest does; only what was written since the last time is read."""
    with wire(data=data) as wiring:
        wiring.build_mirror()
        _tell(wiring, as_json)


@mirror.command()
@data_option
@json_option
def status(data: Path | None, as_json: bool) -> None:
    """Tell how old the copy is, what it holds, and whether it is sound."""
    with wire(data=data) as wiring:
        _tell(wiring, as_json)


@mirror.command()
@data_option
@json_option
def verify(data: Path | None, as_json: bool) -> None:
    """Read every file of the copy, and of the one before it, and compare them with what was written."""
    with wire(data=data) as wiring:
        found = wiring.verify_mirror()
        if as_json:
            click.echo(json.dumps({"generations": [{"name": name, "problem": problem} for name, problem in found]}))
        else:
            for name, problem in found:
                click.echo(f"{name}: {printable(problem) if problem else 'sound'}")
        if any(problem for _, problem in found):
            raise click.exceptions.Exit(1)


def _tell(wiring: Wiring, as_json: bool) -> None:
    told = mirror_status(wiring)
    if as_json:
        click.echo(json.dumps(told))
        return
    age = datetime.now(UTC) - datetime.fromisoformat(told["as_of"])
    click.echo(f"{told['images']:,} pictures, as they were {age.total_seconds():,.0f} seconds ago")
    click.echo(f"{told['generation']}, {told['segments']} segments, vectors as {told['storage']}")
    click.echo(f"{told['bytes'] / 1e6:,.1f} MB; model {printable(told['model'])}")
    if told["problem"]:
        click.echo(f"the newest copy cannot be used, this is the one before: {printable(told['problem'])}")


def mirror_status(wiring: Wiring) -> dict[str, Any]:
    """What is known of the copy in use. Raises MirrorMissing, MirrorDamaged."""
    copy = wiring.mirror
    summary = copy.summary()
    return {
        "generation": summary.name,
        "as_of": copy.as_of.isoformat(),
        "images": summary.points,
        "segments": summary.segments,
        "storage": summary.storage,
        "bytes": copy.size_bytes(),
        "model": copy.info.model,
        "problem": copy.health,
    }


def known_mirror(wiring: Wiring) -> dict[str, Any] | None:
    """As `mirror_status`; None where there is no copy, its problem alone where it cannot be opened."""
    if not wiring.has_mirror():
        return None
    try:
        return mirror_status(wiring)
    except BucketLensError as error:
        return {"problem": str(error)}


COMMANDS: list[click.Command] = [mirror]
