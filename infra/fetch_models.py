"""Fetch the models of the settings into the cache, and load them once. They then work without a network."""

import sys

import click

from core.commands.hints import render_message
from core.commands.options import open_container
from core.errors import BucketLensError


def main() -> None:
    """Fetch and load both models; exit with the error's code where one cannot be had."""
    with open_container() as container:
        try:
            click.echo(f"encoder {container.encoder.name} is here")
            click.echo(f"captioner {container.captioner.name} is here")
        except BucketLensError as error:
            click.echo(f"bucketlens: {render_message(error)}", err=True)
            sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
