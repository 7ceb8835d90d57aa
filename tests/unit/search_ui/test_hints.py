"""The same error in the terms of each surface: the API tells callers, the page who looks at it."""

from pathlib import Path

import pytest

from core import errors
from core.commands import hints as command_hints
from core.errors import BucketLensError
from core.errors.hints import Hint
from search_ui.api import hints as api_hints
from search_ui.api.api_errors import of
from search_ui.page import hints as page_hints
from tests.support.errors import COMMAND, every_error, every_hint


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_no_answer_of_the_api_tells_a_command_or_an_option(error: BucketLensError) -> None:
    refusal = of(error)
    assert refusal.message and refusal.what_to_do
    assert not COMMAND.search(refusal.message) and not COMMAND.search(refusal.what_to_do)


@pytest.mark.parametrize("hint", every_hint(), ids=lambda hint: type(hint).__name__)
def test_every_hint_is_told_by_the_api_and_on_the_page(hint: Hint) -> None:
    assert not COMMAND.search(api_hints.render_hint(hint)) and page_hints.render_hint(hint)


def test_an_error_is_told_in_the_terms_of_each_surface() -> None:
    error = errors.LibraryUnreachable("http://q:6333", "refused")
    said = {
        "python": str(error),
        "command line": command_hints.render_message(error),
        "page": page_hints.render_message(error),
    }
    assert all(told.startswith(f"{error.reason}; what has been done stays") for told in said.values())
    assert said["python"].endswith("then try again")
    assert said["command line"].endswith("then run the same command again")
    assert said["page"].endswith("then load this page again")
    refusal = of(error)
    assert refusal.message == error.reason and refusal.what_to_do.endswith("then ask again in a moment")


def test_a_missing_model_has_three_ways_out_on_every_surface() -> None:
    error = errors.ModelUnavailable("m", "no network")
    assert "three ways out" in str(error) and "`model`" in str(error)
    assert "--model FOLDER" in command_hints.render_message(error)
    assert "`bucketlens models fetch NAME`" in command_hints.render_message(error)
    assert "serve this page with --model FOLDER" in page_hints.render_message(error)
    assert "run the same command" not in page_hints.render_message(error)
    assert of(error).message == error.reason and of(error).what_to_do.startswith("on the server: ")


def test_a_missing_library_is_the_servers_for_the_api_and_a_command_on_the_page() -> None:
    error = errors.LibraryMissing(Path("data"))
    assert of(error).what_to_do == "on the server: make one by ingesting a folder of pictures"
    assert "`bucketlens ingest FOLDER --data data`" in page_hints.render_message(error)
