"""The page over a library whose disk is full, while an ingest tries to write to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from demo.scenes.sample_library import write_pictures
from tests.support.processes.commands import bucketlens
from tests.support.processes.small_disk import SmallDisk, small_disk
from tests.support.small_library import build
from tests.ui.conftest import Opener, health, serving, until
from tests.ui.test_page import ask, cards, outcome

COUNT = 12


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    yield from small_disk(tmp_path / "disk", 700 * 2**20)


@pytest.mark.soak
def test_the_page_answers_while_an_ingest_finds_the_disk_full(
    open_page: Opener, disk: SmallDisk, tmp_path: Path
) -> None:
    library = build(disk.folder, COUNT)
    for _ in write_pictures(tmp_path / "more", 3, size=128):
        pass

    def ingest() -> tuple[int, str]:
        run = bucketlens("ingest", tmp_path / "more", "--data", library.data, "--no-captions", cwd=tmp_path)
        return run.returncode, run.stderr

    with serving(library.data) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        page = open_page(url)
        expect(cards(page)).to_have_count(COUNT)
        disk.leave(50 * 2**20)
        for text in ("a red car", "at night"):
            code, said = ingest()
            assert code == 1 and "are needed to write safely; nothing was damaged" in said
            ask(page, text)
            expect(outcome(page)).to_contain_text(f"{COUNT} pictures")
            expect(cards(page)).to_have_count(COUNT)
            disk.leave(0)
    with serving(library.data) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        page = open_page(f"{url}/?q=a+red+car")
        expect(cards(page)).to_have_count(COUNT)
        image = cards(page).first.locator("img")
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        disk.clear()
        assert ingest()[0] == 0
        page.reload()
        expect(cards(page)).to_have_count(COUNT + 3)
