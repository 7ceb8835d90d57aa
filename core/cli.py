"""What every command shares, and the commands that look at a library: status, failures, models."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.settings import load_settings
from core.wiring import Wiring

F = TypeVar("F", bound=Callable[..., Any])


def data_option(command: F) -> F:
    return click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the library (default: ./data)."
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def wire(**flags: Any) -> Wiring:
    """Wiring from command-line flags (None: not given), with logging set as the settings say."""
    settings = load_settings(**flags)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return Wiring(settings)
