"""The `bucketlens` command: joins the sub-commands of core, ingest, search_ui and demo; nothing else."""

import sys

import click
import demo.cli

import core.commands.mirror
import core.commands.status
import ingest.commands.ingest
import search_ui.commands.search
from core.commands.hints import render_message
from core.errors import BucketLensError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bucketlens")
def commands() -> None:
    """Search a bucket or a folder of pictures by words, by picture, or by both."""


for module in (ingest.commands.ingest, search_ui.commands.search, core.commands.status, core.commands.mirror, demo.cli):
    for command in module.COMMANDS:
        commands.add_command(command)


def main() -> None:
    try:
        commands()
    except BucketLensError as error:
        click.echo(f"bucketlens: {core.commands.status.printable_lines(render_message(error))}", err=True)
        sys.exit(error.exit_code)
