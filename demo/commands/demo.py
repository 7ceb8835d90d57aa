"""The command `demo`: draw sample pictures, index them, open the page."""

from contextlib import suppress
from pathlib import Path

import click

from core.commands.options import data_option, open_container
from core.errors import LibraryMissing
from core.settings import DEMO
from ingest.commands.ingest import ingest_sources
from search_ui.commands.ui import DEFAULT_PORT, serve


@click.command()
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="How many pictures.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--ui/--no-ui", default=True, help="Serve the search page at the end.")
@data_option
def demo(count: int, port: int, ui: bool, data: Path | None) -> None:
    """Draw sample pictures, index and caption them with the demo models, and serve the search page.

    Needs no network. Run it again: what is there already is kept.
    """
    from demo.scenes.sample_library import PICTURES

    with open_container(data=data, model=DEMO, captioner=DEMO) as container:
        with suppress(LibraryMissing):
            if container.index.info.model != DEMO:
                _ = container.encoder  # raises ModelMismatch, before anything is drawn into somebody's library
        pictures = container.settings.data / PICTURES
        _draw(pictures, count)
        code = ingest_sources(container, [str(pictures)], text=False)  # there is none in them
        if code:
            raise click.exceptions.Exit(code)
        if ui:
            serve(container, port=port)


def _draw(folder: Path, count: int) -> None:
    from rich.console import Console
    from rich.progress import track

    from demo.scenes.sample_library import write_pictures

    console = Console(stderr=True)
    for _ in track(write_pictures(folder, count), "Drawing", total=count, console=console, transient=True):
        pass
    click.echo(f"{count:,} drawn pictures are in {folder}", err=True)
