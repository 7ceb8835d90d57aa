"""Where commands are: one file a command, named after the command."""

import subprocess
import sys
from pathlib import Path

import pytest

from bucketlens.cli import ENTRIES, CommandEntry

ROOT = Path(__file__).resolve().parents[3]
SHARED = {"__init__", "options", "output", "hints", "log_config", "progress", "search_options", "filter_options"} | {
    "model_lines"
}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.name))
def test_a_command_is_in_the_file_of_its_name_and_its_entry_says_what_its_help_says(entry: CommandEntry) -> None:
    command = entry.load()
    assert command.name == entry.name
    assert ".commands." in entry.module
    assert entry.module.rpartition(".")[2].rstrip("_").replace("_", "-") == entry.name
    assert command.get_short_help_str(1000) == entry.summary


def test_every_file_of_commands_is_a_command_or_shared_by_some() -> None:
    files = {
        path.stem.rstrip("_").replace("_", "-") for path in ROOT.glob("*/commands/*.py") if path.stem not in SHARED
    }
    assert files == {entry.name for entry in ENTRIES}


def test_help_and_an_unknown_command_import_no_command() -> None:
    code = "import sys\nfrom bucketlens.cli import commands\ncommands(sys.argv[1:], standalone_mode=False)\n"
    for arguments, expected in (["--help"], ""), (["serach"], "No such command"):
        look = f"import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules), sep='\\n'))\n{code}"
        ran = subprocess.run(
            [sys.executable, "-c", look, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert expected in ran.stderr
        loaded = set(ran.stdout.splitlines())
        assert "bucketlens.cli" in loaded
        assert not loaded & {"numpy", "pydantic", "structlog", "rich", "core.settings", "qdrant_edge", "core.bootstrap"}
