"""Text in pictures on the page: the lines that were asked for are marked where they stand, and all can be copied."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from core.bootstrap import Container
from core.domain.text_lines import TextLine
from core.ports.vector_index import TextUpdate
from core.settings import load_settings
from tests.support.small_library import SmallLibrary, build
from tests.ui.conftest import Opener, health, serving, until
from tests.ui.test_page import cards

LINES = (
    TextLine("<b>Invoice</b> 2024", (0.1, 0.2, 0.5, 0.2, 0.5, 0.3, 0.1, 0.3), 0.99),
    TextLine("Total due: 12 €", (0.1, 0.4, 0.6, 0.4, 0.6, 0.5, 0.1, 0.5), 0.95),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = build(tmp_path_factory.mktemp("written"), 4)
    with Container(load_settings(data=made.data)) as container:
        container.index.set_texts([TextUpdate(made.id_of(2), LINES, "reader-1", 3)])
    return made


@pytest.fixture(scope="module")
def served(written: SmallLibrary) -> Iterator[str]:
    with serving(written.data) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        yield url


def test_what_is_written_is_found_marked_and_told(open_page: Opener, served: str, written: SmallLibrary) -> None:
    page = open_page(f"{served}/?q=text:invoce")
    expect(page.locator(".bl-notices")).to_contain_text("only pictures that show “invoce”")
    expect(cards(page)).to_have_count(1)
    expect(cards(page).locator(".read")).to_have_text("<b>Invoice</b> 2024")
    cards(page).locator("button.open").click()
    side = page.locator("dialog .side")
    lines = side.get_by_role("region", name="Text in the picture").locator("li")
    expect(lines).to_have_text([line.text for line in LINES])
    expect(lines.first).to_have_class("matched")
    expect(side).to_contain_text("3 more lines of text could not be read")
    marks = page.locator("dialog .marks polygon")
    expect(marks).to_have_count(2)
    expect(page.locator("dialog .marks polygon.matched")).to_have_count(1)
    shown, mark = page.locator("dialog .stage img").bounding_box(), marks.first.bounding_box()
    assert shown is not None and mark is not None
    side_px = min(shown["width"], shown["height"])  # the picture is square, and fitted into its place
    left, top = shown["x"] + (shown["width"] - side_px) / 2, shown["y"] + (shown["height"] - side_px) / 2
    middle = mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2
    assert middle == pytest.approx((left + 0.3 * side_px, top + 0.25 * side_px), abs=3)
    assert mark["width"] == pytest.approx(0.4 * side_px, abs=12)  # with the stroke of its edge
    lines.last.hover()
    expect(page.locator("dialog .marks polygon.pointed")).to_have_count(1)
    page.keyboard.press("Escape")
    page.goto(f"{served}/?view={written.id_of(1)}")
    expect(page.locator("dialog .side h2")).to_be_visible()
    expect(page.locator("dialog .written")).to_have_count(0)
