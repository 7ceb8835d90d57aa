"""What the page says where there is nothing to show yet, or something stands in the way."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.bootstrap import Container
from core.settings import load_settings
from tests.support.small_library import SmallLibrary
from tests.ui.conftest import Opener, health, serving, until


@pytest.fixture
def emptied(tmp_path: Path, library: SmallLibrary) -> Iterator[tuple[str, Path]]:
    """A page that is served before there is a library."""
    with serving(tmp_path / "later") as url:
        yield url, tmp_path / "later"


def test_a_missing_library_is_explained_and_shown_once_it_is_there(
    open_page: Opener, emptied: tuple[str, Path], library: SmallLibrary
) -> None:
    url, data = emptied
    page = open_page(f"{url}/?q=red", width=400)
    message = page.locator(".bl-message").first
    expect(message).to_contain_text("There is no library here yet")
    expect(message).to_contain_text(f"bucketlens ingest FOLDER --data {data}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shutil.copytree(library.data, data.with_name("copied"))
    data.with_name("copied").rename(data)
    expect(page.locator(".card").first).to_be_visible()
    assert health(url)["model"] == "ready"


def test_without_its_model_the_library_can_still_be_browsed_and_filtered(
    open_page: Opener, library: SmallLibrary
) -> None:
    with serving(library.data, "--model", "no-such-model") as url:
        until(lambda: health(url)["model"] == "failed", 60)
        page = open_page(f"{url}/?q=red+car&must=night")
        message = page.get_by_role("alert")
        expect(message).to_contain_text("Three ways out")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        expect(page.locator(".card").first).to_be_visible()
        assert all("night" in caption for caption in page.locator(".card .caption").all_inner_texts())


def test_a_busy_library_answers_by_itself_once_it_is_free(
    open_page: Opener, library: SmallLibrary, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(library.data, data)
    held = os.open(data / "index" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with serving(data, environment={"BUCKETLENS_INDEX_WAIT": "0.2"}) as url:
            page = open_page(f"{url}/?must=night")
            expect(page.locator(".bl-message")).to_contain_text("The library is busy")
            os.close(held)
            held = -1
            expect(page.locator(".card").first).to_be_visible()
            expect(page.locator(".st-key-active")).to_contain_text("night")
    finally:
        if held >= 0:
            os.close(held)


def test_the_page_tells_how_well_searches_find_and_warns_where_they_miss_much(
    open_page: Opener, library: SmallLibrary, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(library.data, data)
    with Container(load_settings(data=data)) as container:
        container.files.recall_log.write(container.index.info.fingerprint, [0.9] * 30)
    with serving(data) as url:
        page = open_page(url)
        expect(page.locator(".bl-outcome")).to_contain_text("recall 0.90")
        expect(page.locator(".bl-notices")).to_contain_text("bucketlens status")
