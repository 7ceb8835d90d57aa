"""The page while another process keeps the library: the copy answers, says so, and the library again afterwards."""

from pathlib import Path

from playwright.sync_api import expect

from core.adapters.local.library_lock import LibraryLock
from core.bootstrap import Container
from core.settings import load_settings
from tests.support.small_library import build
from tests.ui.conftest import Opener, health, serving, until
from tests.ui.test_page import ask, cards, outcome

COUNT = 6


def test_the_page_answers_from_the_copy_and_says_so(open_page: Opener, tmp_path: Path) -> None:
    library = build(tmp_path, COUNT)
    with Container(load_settings(data=library.data)) as container:
        container.mirrors.build(container.index)
    with serving(library.data) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        page = open_page(url)
        expect(cards(page)).to_have_count(COUNT)
        lock = LibraryLock(library.data / "index")
        lock.acquire(30)
        try:
            ask(page, "a red car")
            expect(outcome(page)).to_contain_text("answered by mirror")
            expect(page.locator(".bl-notices")).to_contain_text("this is the answer of its mirror")
            expect(cards(page)).to_have_count(COUNT)
        finally:
            lock.release()
        ask(page, "at night")
        until(lambda: "mirror" not in _told_anew(page, url), 60)
        expect(cards(page)).to_have_count(COUNT)


def _told_anew(page: object, url: str) -> str:
    page.goto(f"{url}/?q=at+night")  # type: ignore[attr-defined]
    expect(cards(page)).to_have_count(COUNT)  # type: ignore[arg-type]
    return outcome(page).inner_text()  # type: ignore[arg-type]
