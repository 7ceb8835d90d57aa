"""The command `ui`: the search page and the HTTP API."""

from pathlib import Path

import click

from core.bootstrap import Container
from core.commands.options import answerer_option, data_option, model_option, offline_option, open_container

DEFAULT_PORT = 8501


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: all of them.")
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    help="A further name under which the page is called (behind a proxy).",
)
@answerer_option
@offline_option
@model_option
@data_option
def ui(
    port: int,
    host: str,
    allow_host: tuple[str, ...],
    answerer: str | None,
    offline: bool,
    model: str | None,
    data: Path | None,
) -> None:
    """Serve the search page."""
    with open_container(data=data, model=model, offline=offline or None, answerer=answerer) as container:
        serve(container, host, port, allow_hosts=allow_host)


def serve(
    container: Container, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, allow_hosts: tuple[str, ...] = ()
) -> None:
    """Serve the page until interrupted, and print its address first.

    One server a process: Streamlit's configuration belongs to the process.
    Raises InvalidSetting where it cannot listen.
    """
    from search_ui.server.server import run

    run(container, host, port, allow_hosts, announce=lambda url: click.echo(f"BucketLens is at {url} (Ctrl-C ends it)"))
