"""The commands of `mirror`: the library's copy, which answers while the library cannot."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from core.cli import data_option, json_option, printable, wire
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
    """Raises MirrorMissing, MirrorDamaged."""
    copy = wiring.mirror
    told = asdict(copy.summary()) | {
        "as_of": copy.as_of.isoformat(),
        "bytes": copy.size_bytes(),
        "model": copy.info.model,
        "problem": copy.health,
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    age = (datetime.now(UTC) - copy.as_of).total_seconds()
    click.echo(f"{told['points']:,} entries, as they were {age:,.0f} seconds ago")
    click.echo(f"{told['name']}, {told['segments']} segments, vectors as {told['storage']}")
    click.echo(f"{told['bytes'] / 1e6:,.1f} MB; model {printable(copy.info.model)}")
    if copy.health:
        click.echo(f"the newest copy cannot be used, this is the one before: {printable(copy.health)}")


COMMANDS: list[click.Command] = [mirror]
