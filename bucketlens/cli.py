"""The command line: one group of all commands, and what an error that none of them handles ends in."""

import sys

import click

from core.commands.failures import failures
from core.commands.mirror import mirror
from core.commands.models import models
from core.commands.output import print_error
from core.commands.status import status
from core.errors import BucketLensError
from demo.commands.demo import demo
from demo.commands.eval import evaluate
from ingest.commands.caption import caption
from ingest.commands.copy import copy
from ingest.commands.forget import forget
from ingest.commands.import_ import import_vectors
from ingest.commands.ingest import ingest
from ingest.commands.read_text import read_text
from ingest.commands.reindex import reindex
from ingest.commands.switch import switch
from search_ui.commands.ask import ask
from search_ui.commands.compare import compare
from search_ui.commands.duplicates import duplicates
from search_ui.commands.facets import facets
from search_ui.commands.search import search
from search_ui.commands.ui import ui

COMMANDS: tuple[click.Command, ...] = (
    ask,
    caption,
    compare,
    copy,
    demo,
    duplicates,
    evaluate,
    facets,
    failures,
    forget,
    import_vectors,
    ingest,
    mirror,
    models,
    read_text,
    reindex,
    search,
    status,
    switch,
    ui,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bucketlens")
def commands() -> None:
    """Search a bucket or a folder of pictures by words, by picture, or by both."""


for command in COMMANDS:
    commands.add_command(command)


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    try:
        commands()
    except BucketLensError as error:
        print_error(error)
        sys.exit(error.exit_code)
