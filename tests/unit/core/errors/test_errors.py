"""Every error says what happened and what to do next, in the terms of no surface."""

import ast
import pickle
import re
from pathlib import Path

import pytest

from core import errors
from core.errors import BucketLensError, Notice, hints, message
from core.errors.hints import Advice, TryAgain
from core.settings import Settings, setting_fields
from tests.support.errors import COMMAND, every_error, every_hint, every_name, every_notice

ROOT = Path(__file__).resolve().parents[4]
_ARGUMENTS = {"confirm_deletes", "cron", "every", "metrics_port", "names", "port", "retry_failed", "watch"}


def test_every_class_of_the_tree_is_exported_and_drawn() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    kinds = {type(error).__name__ for error in every_error()} - {"BucketLensError"}
    assert sorted(drawn) == sorted(kinds) and kinds < set(errors.__all__)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_no_error_tells_a_command_or_an_option(error: BucketLensError) -> None:
    assert error.reason and not COMMAND.search(error.reason) and "\n" not in error.reason
    assert not COMMAND.search(str(error)) and str(error).startswith(error.reason)
    assert (error.hint is None) == (str(error) == error.reason)


@pytest.mark.parametrize("notice", every_notice(), ids=lambda notice: type(notice.hint).__name__)
def test_no_notice_tells_a_command_or_an_option(notice: Notice) -> None:
    assert notice.startswith(notice.reason) and notice.endswith(str(notice.hint)) and not COMMAND.search(notice)
    again = pickle.loads(pickle.dumps(notice))
    assert (again, again.reason, again.hint) == (notice, notice.reason, notice.hint)


def test_a_surface_puts_the_hint_into_its_own_terms_and_leaves_the_reason() -> None:
    error = errors.DiskFull(Path("/data"), 0, 2**28)
    assert message(error, lambda hint: "call for help") == f"{error.reason}; call for help"
    assert message(BucketLensError("broken"), lambda hint: "call for help") == "broken"
    assert message("a plain text") == "a plain text"


def test_a_notice_of_an_error_keeps_what_to_do() -> None:
    error = errors.StoreError("the store is away", TryAgain("look at the network"))
    notice = Notice.quoting(error, "not listed: ", "; nothing was deleted")
    assert notice.reason == "not listed: the store is away; nothing was deleted"
    assert notice.hint == error.hint and "look at the network" in notice
    assert Notice.quoting(OSError("no room"), "not written: ") == "not written: no room"


def test_what_takes_several_lines_is_not_joined_in_one() -> None:
    assert Notice("these are left:\n  a\n  b", Advice("look at them")) == "these are left:\n  a\n  b\nlook at them"


def test_hints_name_settings_that_there_are() -> None:
    settings = {name.keyword for name in setting_fields(Settings)}
    assert {name for name in every_name() if name not in settings} == _ARGUMENTS
    for hint in every_hint():
        for name in re.findall(r"`(\w+)`", str(hint)):
            assert name in every_name()


def test_a_path_with_braces_stays_as_it_is() -> None:
    assert str(Advice("see {folder}")) == "see {folder}"
    assert "{x}" in str(Notice("{x} is left", hints.TRUST_LIST))


def test_no_text_outside_the_commands_and_the_page_tells_a_command() -> None:
    """Docstrings and the descriptions of settings are no messages."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for package in ("core", "ingest", "search_ui")
        for path in sorted((ROOT / package).rglob("*.py"))
        if not {"commands", "page"} & set(path.relative_to(ROOT).parts)
        for node in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node.value, str) and COMMAND.search(node.value)
    ]
    assert found == []


def _texts(tree: ast.Module) -> list[ast.Constant]:
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        if isinstance(node, ast.keyword) and node.arg == "description":
            skipped.update(ast.walk(node.value))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in skipped]
