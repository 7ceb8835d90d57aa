"""Options that commands share, and the library that they lead to."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.bootstrap import Container
from core.commands.log_config import configure_logging
from core.commands.output import print_note
from core.settings import load_settings

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[Any], Any]

_FLAGS = "bucketlens.flags"


def add_options(options: Iterable[Option]) -> Callable[[F], F]:
    """Return a decorator that gives a command these options, in this order."""
    in_order = tuple(options)

    def decorate(command: F) -> F:
        for option in reversed(in_order):
            command = option(command)
        return command

    return decorate


def data_option(command: F) -> F:
    """Add --data, and --qdrant-url, which `open_container` finds in click's context."""
    server = click.option(
        "--qdrant-url",
        metavar="URL",
        expose_value=False,
        callback=_remember_flag,
        help="Qdrant server that holds the library (default: the folder does).",
    )
    folder = click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the library (default: ./data)."
    )
    return folder(server(command))


def json_option(command: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def offline_option(command: F) -> F:
    """Add --offline."""
    return click.option("--offline", is_flag=True, help="Ask the mirror alone (see `bucketlens mirror`).")(command)


def model_option(command: F) -> F:
    """Add --model for a command that only reads a library."""
    return click.option(
        "--model", metavar="NAME|PATH", help="The library's model, where it has to be found elsewhere."
    )(command)


def answerer_option(command: F) -> F:
    """Add --answerer."""
    return click.option(
        "--answerer", metavar="NAME|PATH", help="Model that answers questions about pictures; see `bucketlens models`."
    )(command)


def open_container(**flags: Any) -> Container:
    """Make the container from command-line flags (None: not given), and configure logging as the settings say.

    Raises InvalidSetting.
    """
    context = click.get_current_context(silent=True)
    url = context.meta.get(f"{_FLAGS}.qdrant_url") if context else None
    settings = load_settings(**{"qdrant_url": url, **flags})
    configure_logging(settings.log.level)
    container = Container(settings)
    container.announce = print_note
    return container


def _remember_flag(context: click.Context, parameter: click.Parameter, given: str | None) -> None:
    context.meta[f"{_FLAGS}.{parameter.name}"] = given
