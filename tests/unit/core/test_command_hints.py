"""The command line tells every hint with the very command, or option, to type next."""

import re
from pathlib import Path
from shlex import split

import click
import pytest

from bucketlens.cli import commands
from core import errors
from core.commands.hints import OPTIONS, library_options, render_hint, render_message
from core.errors import BucketLensError, Notice, hints
from core.errors.hints import Hint
from tests.support.errors import every_error, every_hint

SAID: list[tuple[BucketLensError | str, str]] = [
    (errors.LibraryMissing(Path("my data")), "`bucketlens ingest FOLDER --data 'my data'`"),
    (errors.ServerLibraryMissing("http://q:6333", "404"), "`bucketlens ingest FOLDER --qdrant-url http://q:6333`"),
    (errors.ModelMismatch("a", "b"), "`bucketlens reindex --model b`"),
    (errors.ModelMismatch("a", "a"), "give --data another folder"),
    (errors.ModelUnavailable("m", "no network"), "--model FOLDER"),
    (errors.ModelUnavailable("m", "no network"), "--model demo"),
    (errors.ModelUnavailable("m", "no network"), "`bucketlens models`"),
    (errors.ModelUnavailable("m", "no network", setting="captioner"), "--captioner demo"),
    (errors.ModelUnavailable("m", "no network", hints.ChooseModel("model", "m")), "`bucketlens models fetch m`"),
    (errors.ModelUnavailable("my folder", "it is damaged"), "`bucketlens models fetch NAME`"),
    (errors.MirrorMissing(Path("mirror")), "`bucketlens mirror build`"),
    (errors.MirrorMissing(Path("mirror")), "`bucketlens mirror import FILE`"),
    (errors.MirrorDamaged(Path("mirror"), "cut"), "`bucketlens mirror build`"),
    (errors.NothingKnown(Path("d")), "`bucketlens ingest SOURCE --captions FILE --data d`"),
    (errors.AnswererMissing(), "give --answerer NAME or --answerer FOLDER"),
    (errors.AnswerLate(30), "no answer within 30 s; give it more with --seconds"),
    (errors.ModelUnavailable("m", "no network", setting="answerer"), "Two ways out:"),
    (errors.PackageMissing("matplotlib", "a plot", "plots"), "`pip install 'bucketlens[plots]'`"),
    (errors.LibraryUnreachable("http://q", "refused"), "then run the same command again"),
    (errors.LibraryRefused("http://q", "403"), "the setting qdrant.api_key (BUCKETLENS_QDRANT_API_KEY)"),
    (errors.DiskFull(Path("d"), 0, 1), "then run the same command again"),
    (errors.InvalidSetting("every", "1x", "a time"), "setting every (--every): got '1x', takes a time"),
    (errors.InvalidSetting("batch_size", 0, "more"), "setting batch_size: got 0, takes more"),
    (Notice("11 of 20 are gone", hints.ForgetSource("file:///a b")), "`bucketlens forget 'file:///a b'`"),
    ("a plain text", "a plain text"),
]


@pytest.mark.parametrize(("told", "said"), SAID, ids=lambda value: str(value)[:50])
def test_terminals_are_told_what_to_type(told: BucketLensError | str, said: str) -> None:
    assert said in render_message(told)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_every_error_is_told_in_full(error: BucketLensError) -> None:
    assert error.hint is None or render_message(error).endswith(render_hint(error.hint))


@pytest.mark.parametrize("hint", every_hint(), ids=lambda hint: type(hint).__name__)
def test_the_commands_and_options_of_hints_are_those_that_there_are(hint: Hint) -> None:
    for command in re.findall(r"`bucketlens ([^`]+)`", render_hint(hint)):
        found: click.Command = commands
        words = split(command)
        while words and isinstance(found, click.Group):
            found = _subcommands(found)[words.pop(0)]
        options = {option for parameter in found.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
    assert set(re.findall(r"--[a-z-]+", render_hint(hint))) <= _options(commands)


def test_every_option_of_a_setting_is_one() -> None:
    assert set(OPTIONS.values()) <= _options(commands)


def test_a_reason_on_record_is_told_with_its_options() -> None:
    recorded = str(errors.LinkDead("its host is inside a private network", hints.TRUST_LIST))
    assert "--allow-private and --retry-failed" in render_message(recorded)
    assert render_message("the file is empty") == "the file is empty"


def test_a_library_is_named_for_a_shell() -> None:
    assert library_options(Path("a b"), "http://q:6333") == "--data 'a b' --qdrant-url http://q:6333"


def _options(command: click.Command) -> set[str]:
    below = _subcommands(command).values() if isinstance(command, click.Group) else ()
    own = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*map(_options, below))


def _subcommands(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}
