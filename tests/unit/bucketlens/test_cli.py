"""Where commands are: one file a command, named after the command."""

from pathlib import Path

import click
import pytest

from bucketlens.cli import COMMANDS, commands

ROOT = Path(__file__).resolve().parents[3]
SHARED = {"__init__", "options", "output", "hints", "log_config", "progress", "search_options", "filter_options"} | {
    "model_lines"
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_a_command_is_in_the_file_of_its_name(command: click.Command) -> None:
    assert command.callback is not None
    module = command.callback.__module__
    assert ".commands." in module and module.rpartition(".")[2].rstrip("_").replace("_", "-") == command.name


def test_every_file_of_commands_is_a_command_or_shared_by_some() -> None:
    files = {
        path.stem.rstrip("_").replace("_", "-") for path in ROOT.glob("*/commands/*.py") if path.stem not in SHARED
    }
    assert files == set(commands.commands) == {command.name for command in COMMANDS}
