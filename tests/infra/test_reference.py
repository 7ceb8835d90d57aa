"""docs/reference says what the code says, and leaves nothing out."""

import ast
import inspect
from pathlib import Path

import click
import pytest

import bucketlens
from core import errors
from infra.make_configuration_reference import PAGE
from infra.make_reference import render_pages
from infra.reference import cli, python
from tests.support.pages import REFERENCE, ROOT

MADE = render_pages()
COMMANDS = dict(cli.named_commands())


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_every_page_is_as_the_code_says(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == MADE[path], "run `make reference`"


def test_every_page_of_the_reference_is_made() -> None:
    assert set(REFERENCE.iterdir()) == {ROOT / path for path in MADE} | {ROOT / PAGE}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    assert COMMANDS[name].help
    unexplained = [option for option in COMMANDS[name].params if isinstance(option, click.Option) and not option.help]
    assert not unexplained


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_listed(name: str) -> None:
    page = MADE[Path("docs/reference/cli.md")]
    _, _, part = page.partition(f"\n## {name}\n")
    own, _, _ = part.partition("\n## ")
    assert own
    for option in COMMANDS[name].params:
        assert not isinstance(option, click.Option) or all(f"`{each}`" in own for each in option.opts)


def test_every_error_is_listed() -> None:
    page = MADE[Path("docs/reference/errors.md")]
    classes = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, errors.BucketLensError)]
    assert len(classes) > 30
    assert [cls.__name__ for cls in classes if f"| `{cls.__name__}` |" not in page] == []


def test_every_public_name_is_listed() -> None:
    listed = MADE[Path("docs/reference/python.md")] + MADE[Path("docs/reference/errors.md")]
    assert [name for name in bucketlens.__all__ if f"## {name}\n" not in listed and f"| `{name}` |" not in listed] == []


@pytest.mark.parametrize("public", python.public(), ids=lambda public: public.__name__)
def test_every_public_name_is_explained(public: type) -> None:
    source = ast.parse(inspect.getsource(public)).body[0]
    assert isinstance(source, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(source)
    methods = [part for part in source.body if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")]
    unexplained = [part.name for part in methods if not ast.get_docstring(part)]
    assert [name for name in unexplained if name not in ("close", "to_dict")] == [], "these two say it by their names"
