"""The page on a machine that has nothing but a copy of the library: no library, no pictures, no network."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.bootstrap import Container
from core.settings import load_settings
from tests.support.processes.commands import bucketlens
from tests.support.small_library import SmallLibrary, build, take_for_copies
from tests.ui.conftest import Opener, health, serving, until

COUNT = 24


@dataclass(frozen=True, slots=True)
class Laptop:
    url: str
    library: SmallLibrary
    data: Path


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """What a copy holds that was taken from a library whose pictures are somewhere else."""
    library = build(tmp_path_factory.mktemp("home"), COUNT)
    take_for_copies(library, 10, 11)
    with Container(load_settings(data=library.data)) as container:
        container.mirrors.build(container.index)
    away = tmp_path_factory.mktemp("away")
    packed = bucketlens("mirror", "export", away / "copy.tar", "--thumbnails", "--data", library.data, cwd=away)
    taken = bucketlens("mirror", "import", "copy.tar", "--data", "data", cwd=away)
    assert (packed.returncode, taken.returncode) == (0, 0), packed.stderr + taken.stderr
    library.data.rename(library.data.with_name("gone"))
    library.pictures.rename(library.pictures.with_name("elsewhere"))
    with serving(away / "data", "--offline") as url:
        until(lambda: health(url)["model"] == "ready", 60)
        yield Laptop(url, library, away / "data")


def cards(page: Page) -> list[str]:
    expect(page.locator(".card").first).to_be_visible()
    return page.locator(".card .caption").all_inner_texts()


def test_all_pictures_are_there_with_their_thumbnails(open_page: Opener, laptop: Laptop) -> None:
    page = open_page(laptop.url)
    expect(page.locator(".bl-brand")).to_contain_text(f"{COUNT} pictures")
    assert len(cards(page)) == COUNT - 1  # two of them have the same bytes
    expect(page.locator(".card .copies")).to_have_text("2 copies")
    until(lambda: page.locator(".card img").first.evaluate("image => image.naturalWidth > 100"))
    expect(page.locator(".bl-notices")).to_contain_text("the answer of its mirror")
    assert page.locator(".open.missing").count() == 0


def test_searches_by_words_and_by_a_picture_of_its_own_are_answered(open_page: Opener, laptop: Laptop) -> None:
    page = open_page(f"{laptop.url}/?q=red+umbrella")
    assert "umbrella" in cards(page)[0]
    expect(page.locator(".card .strength").first).to_be_visible()
    page.goto(f"{laptop.url}/?like={laptop.library.id_of(17)}")
    assert page.locator(".card").first.get_attribute("data-id") == laptop.library.id_of(17)


def test_a_picture_is_shown_by_its_thumbnail_and_that_is_said(open_page: Opener, laptop: Laptop) -> None:
    page = open_page(f"{laptop.url}/?view={laptop.library.id_of(9)}")
    viewer = page.locator(".viewer")
    expect(viewer.locator(".lacking")).to_contain_text("The original cannot be had from here")
    expect(viewer.locator(".stage img")).to_have_attribute("src", f"/thumbnails/{laptop.library.id_of(9)}.jpg")
    expect(viewer.get_by_text("Open original")).to_be_hidden()
    expect(viewer.locator("dl")).to_contain_text("scene-009.jpg")
    laptop.library.pictures.with_name("elsewhere").rename(laptop.library.pictures)
    try:
        viewer.get_by_role("button", name="Next picture").click()
        expect(viewer.locator(".stage img")).to_have_attribute("src", f"/originals/{laptop.library.id_of(8)}?whole")
        expect(viewer.locator(".lacking")).to_be_hidden()
        expect(viewer.get_by_text("Open original")).to_be_visible()
    finally:
        laptop.library.pictures.rename(laptop.library.pictures.with_name("elsewhere"))


def test_facets_are_counted_and_narrow_down(open_page: Opener, laptop: Laptop) -> None:
    page = open_page(laptop.url)
    page.get_by_role("button", name="Narrow down").click()
    expect(page.get_by_role("heading", name="Words")).to_be_visible()
    expect(page.get_by_text("Shape", exact=True)).to_be_visible()
    page.goto(f"{laptop.url}/?must=red")
    assert all("red" in caption for caption in cards(page))


def test_duplicates_are_looked_for_in_the_copy(open_page: Opener, laptop: Laptop) -> None:
    page = open_page(f"{laptop.url}/?show=duplicates")
    expect(page.locator(".bl-groups section")).to_have_count(1)
    expect(page.locator(".bl-groups")).to_contain_text("2 pictures, the same bytes")


def test_without_being_told_it_answers_from_the_copy_too(open_page: Opener, laptop: Laptop, tmp_path: Path) -> None:
    taken = bucketlens("mirror", "import", laptop.data.parent / "copy.tar", "--data", "data", cwd=tmp_path)
    assert taken.returncode == 0
    with serving(tmp_path / "data") as url:
        until(lambda: health(url)["model"] == "ready", 60)
        page = open_page(f"{url}/?q=red+umbrella")
        assert "umbrella" in cards(page)[0]
        expect(page.locator(".bl-notices")).to_contain_text("there is no library in")


def test_before_a_copy_is_there_the_page_tells_how_to_come_by_one_and_shows_it_then(
    open_page: Opener, laptop: Laptop, tmp_path: Path
) -> None:
    with serving(tmp_path / "data", "--offline") as url:
        page = open_page(f"{url}/?q=red")
        expect(page.get_by_role("alert")).to_contain_text("bucketlens mirror import FILE")
        taken = bucketlens("mirror", "import", laptop.data.parent / "copy.tar", "--data", "data", cwd=tmp_path)
        assert taken.returncode == 0
        assert cards(page)
        assert health(url)["model"] == "ready"
