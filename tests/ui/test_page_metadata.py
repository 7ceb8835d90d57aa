"""What files say of themselves on the page: marks, details, facets, and where a picture was taken."""

import io
import re
import urllib.request
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.small_library import SmallLibrary, build, tell_of_themselves
from tests.ui.conftest import Opener, health, serving, until
from tests.ui.test_page import cards


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = build(tmp_path_factory.mktemp("told"), 8)
    tell_of_themselves(made)
    return made


@pytest.fixture(scope="module")
def served(told: SmallLibrary) -> Iterator[str]:
    with serving(told.data) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        yield url


def test_pictures_are_marked_narrowed_down_and_told_of(open_page: Opener, served: str, told: SmallLibrary) -> None:
    page = open_page(served)
    expect(cards(page)).to_have_count(8)  # the RAW is behind its JPEG
    torn = page.locator(f"li.card[data-id='{told.id_of(4)}'] .badge")
    expect(torn).to_have_text("62 %")
    expect(torn).to_have_attribute("title", "62 % of the picture is there")
    page.get_by_role("button", name="Narrow down").click()
    for label, value in (
        ("Country", "Germany"),
        ("City", "Munich"),
        ("Camera", "Canon EOS R5"),
        ("Rating", "★★"),
        ("Incomplete", "a part is missing"),
    ):
        expect(page.get_by_role("list", name=label)).to_contain_text(value)
    page.get_by_role("list", name="Camera").get_by_title("Only these").first.click()
    expect(page).to_have_url(re.compile(r"only=camera%3ACanon\+EOS\+R5"))
    page.keyboard.press("Escape")
    expect(cards(page)).to_have_count(1)
    expect(cards(page).locator(".badge")).to_have_text("RAW + JPEG")
    cards(page).locator("button.open").click()
    side = page.locator("dialog .side")
    expect(side).to_contain_text("1 January 2020, 00:30:00 (UTC+09:00)")
    for fact in (
        "from EXIF DateTimeOriginal",
        "its file: XMP description",
        "Munich, Bavaria, Germany",
        "48.137, 11.575",
        "★★★★",
        "Anna Smith",
    ):
        expect(side).to_contain_text(fact)
    side.get_by_role("button", name="Show the RAW").click()
    expect(side).to_contain_text("scene-001.CR3")
    expect(side.get_by_role("button", name="Show the JPEG")).to_be_visible()
    side.get_by_role("button", name="Near here").click()
    expect(page.locator(".bl-notices")).to_contain_text("only pictures taken near 48.137,11.575,1km")


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_what_browsers_do_not_show_of_a_picture_that_is_cut_off_is_rendered(
    served: str, told: SmallLibrary, form: str
) -> None:
    path, whole = told.pictures / "scene-004.jpg", io.BytesIO()
    Image.effect_noise((320, 320), 90).convert("RGB").save(whole, form)
    path.write_bytes(whole.getvalue()[: whole.tell() * 7 // 10])
    with urllib.request.urlopen(f"{served}/originals/{told.id_of(4)}?whole", timeout=20) as answer:
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.read())).width == 320


def test_a_link_with_filters_opens_and_a_date_is_told_as_exactly_as_it_is_known(
    open_page: Opener, served: str, told: SmallLibrary
) -> None:
    page = open_page(f"{served}/?only=rating:2&without=camera:Canon%20EOS%20R5&only=rating:9&view={told.id_of(2)}")
    expect(cards(page)).to_have_count(1)
    expect(page.locator("dialog .side")).to_contain_text("July 2019")
    expect(page.locator("dialog .side")).not_to_contain_text("00:00")
    expect(page.locator(".st-key-active")).to_contain_text("★★")
    expect(page.locator(".st-key-active")).to_contain_text("not Canon EOS R5")
