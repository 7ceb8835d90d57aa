"""How commands end: what people and programs read, and the exit code."""

import json

import click
import pytest
from click.testing import CliRunner, Result

from core.commands.output import finish, note, print_error, print_note


def end(*, as_json: bool, exit_code: int = 0) -> Result:
    @click.command()
    def command() -> None:
        finish({"found": 2}, ["one", "two"], [note("odd\x1b[2J\nmore")], as_json=as_json, exit_code=exit_code)
        click.echo("after")

    return CliRunner().invoke(command)


def test_people_read_lines_and_remarks_apart() -> None:
    ended = end(as_json=False)
    assert (ended.stdout, ended.stderr) == ("one\ntwo\nafter\n", "Note: odd\\x1b[2J\nmore\n")


def test_programs_read_one_object_and_nothing_else() -> None:
    ended = end(as_json=True)
    first, _ = ended.stdout.splitlines()
    assert json.loads(first) == {"found": 2} and ended.stderr == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_a_code_ends_the_command_at_once(as_json: bool) -> None:
    ended = end(as_json=as_json, exit_code=3)
    assert ended.exit_code == 3 and "after" not in ended.stdout


def test_lines_are_made_for_people_alone() -> None:
    finish({}, (str(1 / 0) for _ in range(1)), as_json=True)


def test_notes_and_errors_go_to_standard_error_and_command_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_note("a\x07")
    print_error("b\u202e")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Note: a\\x07\nbucketlens: b\\u202e\n")
