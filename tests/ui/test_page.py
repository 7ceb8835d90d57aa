"""The page in real Chromium, over a real library: what a person does, and what they then see."""

import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from demo.scenes.sample_library import draw, library_scene
from tests.support.small_library import (
    HOSTILE,
    HOSTILE_CAPTION,
    HOSTILE_NAME,
    UMBRELLAS,
    UNCAPTIONED,
    SmallLibrary,
    build,
    take_for_copies,
)
from tests.ui.conftest import COUNT, Opener, serving, until

FIRST = 60
UMBRELLA = "three red umbrellas at night"


def cards(page: Page) -> Locator:
    return page.locator(".card")


def captions(page: Page) -> list[str]:
    return page.locator(".card .caption").all_inner_texts()


def outcome(page: Page) -> Locator:
    return page.locator(".bl-outcome p")


def found(page: Page) -> int:
    """How many pictures the answer holds: good matches and weaker ones."""
    told = (outcome(page).text_content() or "").split(" · ")
    parts = [part for part in told if re.search("match(es)?$|weaker|picture", part) and "first" not in part]
    return sum(int(number.replace(",", "")) for part in parts for number in re.findall(r"[\d,]+", part))


def ask(page: Page, text: str) -> None:
    page.get_by_label("Search", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=" + re.escape(quote(text).replace("%20", "+"))))
    finished(page)


def finished(page: Page) -> None:
    """Once the address has changed: until the script that changed it is at its end."""
    expect(page.locator(".stApp")).to_have_attribute("data-test-script-state", "notRunning")


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    draw(library_scene(number), 256).save(buffer, "PNG")
    return buffer.getvalue()


def upload(page: Page, name: str, data: bytes) -> None:
    page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})


def test_it_opens_on_the_newest_pictures(open_page: Opener, address: str, library: SmallLibrary) -> None:
    page = open_page(address)
    expect(cards(page)).to_have_count(FIRST)
    expect(outcome(page)).to_contain_text(f"{COUNT} pictures · newest first")
    assert captions(page)[0] == library.captions[library.id_of(COUNT)]
    assert page.title() == "BucketLens"
    assert cards(page).first.locator("img").get_attribute("alt") == captions(page)[0]


def test_words_bring_the_right_picture_first(open_page: Opener, address: str) -> None:
    page = open_page(address)
    ask(page, UMBRELLA)
    expect(page.locator(".card .caption").first).to_have_text(UMBRELLA)
    notices = page.locator(".bl-notices")
    expect(notices).to_contain_text("demo model")
    ask(page, "a dog")
    expect(notices).to_contain_text("does not know: dog")
    score = cards(page).first.locator(".score").inner_text()
    assert -1 <= float(score) <= 1 and "%" not in page.locator(".grid").inner_text()


def test_a_link_shows_the_same_to_somebody_else_and_back_goes_back(open_page: Opener, address: str) -> None:
    page = open_page(address)
    ask(page, UMBRELLA)
    first = captions(page)
    assert first[0] == UMBRELLA
    ask(page, "a yellow boat")
    expect(cards(page).first.locator(".caption")).not_to_have_text(UMBRELLA)
    second, link = captions(page), page.url
    other = open_page(link)
    expect(cards(other).first).to_be_visible()
    assert captions(other) == second != first
    expect(other.get_by_label("Search", exact=True)).to_have_value("a yellow boat")
    page.go_back()
    expect(page.get_by_label("Search", exact=True)).to_have_value(UMBRELLA)
    expect(page.locator(".card .caption").first).to_have_text(first[0])
    assert captions(page) == first


def test_caption_words_filter_in_three_ways(open_page: Opener, address: str) -> None:
    page = open_page(address)
    page.get_by_role("button", name="Filters").click()
    for label, word in (("All of these", "red"), ("None of these", "snow")):
        field = page.get_by_role("combobox", name=re.compile(label))
        field.fill(word)
        field.press("Enter")
        expect(page.locator(".st-key-active")).to_contain_text(word)
    page.keyboard.press("Escape")
    until(lambda: bool(captions(page)) and all("red" in c and "snow" not in c for c in captions(page)))
    assert asked(page) == {"must": ["red"], "not": ["snow"]}
    page.get_by_role("button", name="not snow").click()
    until(lambda: any("snow" in caption for caption in captions(page)))
    either = open_page(f"{address}/?any=boats&any=rocket")
    expect(cards(either).first).to_be_visible()
    assert all("boat" in caption or "rocket" in caption for caption in captions(either))


def test_facets_narrow_down_with_a_click(open_page: Opener, address: str) -> None:
    page = open_page(f"{address}/?n=120")
    expect(cards(page)).to_have_count(COUNT)
    told = [caption.split() for caption in captions(page)]
    red, night = (sum(word in caption for caption in told) for word in ("red", "night"))
    both = sum("red" in caption and "night" in caption for caption in told)
    assert both and red > both
    page.get_by_role("button", name="Narrow down").click()
    page.get_by_role("button", name=f"red {red}", exact=True).click()
    expect(cards(page)).to_have_count(red)
    assert asked(page) == {"only": ["word:red"]}
    expect(page.locator(".st-key-active")).to_contain_text("red")
    page.get_by_role("button", name="Without night").click()
    expect(cards(page)).to_have_count(red - both)
    expect(page.locator(".st-key-active")).to_contain_text("not night")
    assert asked(page) == {"only": ["word:red"], "without": ["word:night"]}
    page.get_by_role("button", name=f"red {red - both}", exact=True).click()
    expect(outcome(page)).to_contain_text(f"{COUNT - night} pictures")
    assert asked(page) == {"without": ["word:night"]}
    nothing = open_page(f"{address}/?only=modified:1999&only=word:red")
    expect(nothing.locator(".bl-message")).to_contain_text(f"Without “changed in 1999” there are {red} pictures")


def test_too_narrow_filters_tell_which_one(open_page: Opener, address: str) -> None:
    page = open_page(f"{address}/?must=red&must=zebra")
    expect(page.locator(".bl-message")).to_contain_text("No picture passes these filters")
    expect(page.locator(".bl-message")).to_contain_text(re.compile(r"Without “zebra” there are \d+ pictures"))
    page.get_by_role("button", name="Drop all filters").click()
    expect(cards(page)).to_have_count(FIRST)
    assert asked(page) == {}


def test_a_picture_finds_itself_alone_and_with_words(open_page: Opener, address: str) -> None:
    page = open_page(address)
    expect(cards(page).first).to_be_visible()
    upload(page, "mine.png", picture(UMBRELLAS))
    expect(page.locator(".bl-reference")).to_contain_text("uploaded picture")
    expect(page.locator(".card .caption").first).to_have_text(UMBRELLA)
    expect(page.locator(".stSlider")).to_have_count(0)
    page.reload()
    expect(page.locator(".card .caption").first).to_have_text(UMBRELLA)
    ask(page, "a yellow boat")
    expect(page.get_by_role("slider")).to_be_visible()
    for weight in (40, 30, 20, 10, 0):
        page.get_by_role("slider").press("ArrowLeft")
        expect(page).to_have_url(re.compile(f"w={weight}$"))
        finished(page)
    words_alone = open_page(f"{address}/?q=a+yellow+boat")
    expect(cards(words_alone).first).to_be_visible()
    assert captions(page) == captions(words_alone)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".bl-reference")).to_have_count(0)
    assert asked(page) == {"q": ["a yellow boat"], "w": ["0"]}


def test_a_broken_picture_is_told_where_it_was_dropped(open_page: Opener, address: str) -> None:
    page = open_page(address)
    upload(page, "broken.png", b"\x89PNG\r\n\x1a\n nothing")
    expect(page.locator(".bl-note")).to_contain_text("broken.png")
    expect(cards(page)).to_have_count(FIRST)


def test_the_large_view_tells_everything_and_leads_on(open_page: Opener, address: str, library: SmallLibrary) -> None:
    page = open_page(f"{address}/?q={quote(UMBRELLA)}")
    page.get_by_role("button", name=f"Open “{UMBRELLA}”").click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text(f"scene-{UMBRELLAS:03d}.jpg")
    expect(viewer).to_contain_text("320 × 320 pixels")
    expect(viewer).to_contain_text("It is no percentage")
    expect(viewer.locator(".stage img")).to_have_attribute("src", re.compile("/originals/"))
    expect(page).to_have_url(re.compile(f"view={library.id_of(UMBRELLAS)}"))
    page.keyboard.press("ArrowRight")
    expect(viewer).not_to_contain_text(f"scene-{UMBRELLAS:03d}.jpg")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page).not_to_have_url(re.compile("view="))
    page.go_back()
    expect(viewer).to_be_visible()
    other = open_page(f"{address}/?q=snow&view={library.id_of(UMBRELLAS)}")
    expect(other.get_by_role("dialog")).to_contain_text(UMBRELLA)
    other.get_by_role("dialog").get_by_role("button", name="umbrella").click()
    expect(other.locator(".st-key-active")).to_contain_text("umbrella")
    expect(other.get_by_role("dialog")).to_be_hidden()
    finished(other)
    assert all("umbrella" in caption for caption in captions(other))


def test_more_like_this(open_page: Opener, address: str, library: SmallLibrary) -> None:
    page = open_page(f"{address}/?must=umbrella&must=night")
    page.get_by_role("button", name=f"More like “{UMBRELLA}”").click()
    expect(page.locator(".bl-reference")).to_contain_text(UMBRELLA)
    assert asked(page)["like"] == [library.id_of(UMBRELLAS)]
    expect(cards(page).first.locator(".score")).to_have_text(re.compile(r"^(1\.000|0\.99)"))
    ask(page, "a boat")
    expect(page.get_by_role("slider")).to_be_visible()


def test_more_pictures_come_below_the_others(open_page: Opener, address: str) -> None:
    page = open_page(address)
    expect(cards(page)).to_have_count(FIRST)
    before = captions(page)
    page.get_by_role("button", name=f"Show more {COUNT - FIRST} left").click()
    expect(cards(page)).to_have_count(COUNT)
    assert captions(page)[:FIRST] == before
    expect(page.locator(".more")).to_have_count(0)


def test_copies_are_one_card_that_leads_to_them(open_page: Opener, tmp_path: Path) -> None:
    library = build(tmp_path, 4)
    take_for_copies(library, 2, 4)
    with serving(library.data) as address:
        page = open_page(address)
        expect(cards(page)).to_have_count(3)
        expect(outcome(page)).to_contain_text("4 pictures")
        expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        page.get_by_role("button", name="2 copies").click()
        expect(cards(page)).to_have_count(2)
        assert asked(page).keys() == {"copies"}
        page.get_by_role("button", name="copies of one picture").click()
        expect(cards(page)).to_have_count(3)
        page.get_by_role("link", name="find duplicates").click()
        group = page.locator(".bl-groups section")
        expect(group).to_have_count(1)
        expect(group.locator("h3")).to_have_text("2 pictures, the same bytes")
        assert asked(page) == {"show": ["duplicates"]}
        expect(outcome(page)).to_contain_text("1 group of 2 pictures · among 4")
        page.get_by_role("button", name="Look again").click()
        expect(group).to_have_count(1)
        group.get_by_role("link").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()


def test_where_nothing_is_there_twice_it_is_said_and_the_page_goes_on(open_page: Opener, address: str) -> None:
    page = open_page(f"{address}/?show=duplicates")
    expect(page.locator(".bl-message")).to_contain_text("No picture is there twice")
    expect(outcome(page)).to_contain_text(f"0 groups of 0 pictures · among {COUNT}")
    ask(page, UMBRELLA)
    expect(cards(page)).to_have_count(FIRST)
    assert asked(page) == {"q": [UMBRELLA]}


def test_variety_is_a_slider_and_part_of_the_address(open_page: Opener, address: str) -> None:
    page = open_page(address)
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_text("None of these")).to_be_visible()
    expect(page.get_by_role("slider", name="Variety")).to_have_count(0)
    page.keyboard.press("Escape")
    ask(page, UMBRELLA)
    usual = captions(page)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("slider", name="Variety").press("End")
    expect(page).to_have_url(re.compile("v=100"))
    expect(page.locator(".st-key-active")).to_contain_text("variety 1")
    finished(page)
    varied = captions(page)
    assert varied[0] == usual[0] and varied != usual
    other = open_page(page.url)
    expect(other.locator(".card .caption").first).to_have_text(varied[0])
    assert captions(other) == varied
    other.get_by_role("button", name="Filters").click()
    expect(other.get_by_role("slider", name="Variety")).to_have_value("10")
    other.keyboard.press("Escape")
    other.get_by_role("button", name="variety 1").click()
    expect(other).not_to_have_url(re.compile("v="))
    until(lambda: captions(other) == usual)


def test_a_slider_that_is_folded_away_keeps_its_value_while_the_model_is_loaded(
    open_page: Opener, library: SmallLibrary, tmp_path: Path
) -> None:
    late = {"BUCKETLENS_GO_AHEAD": str(tmp_path / "go ahead")}
    with serving(library.data, environment=late, main="tests.support.processes.late_model:main") as address:
        page = open_page(f"{address}/?q=umbrella&v=50")
        expect(page.locator(".bl-message")).to_contain_text("Loading the model")
        (tmp_path / "go ahead").touch()
        expect(cards(page)).to_have_count(FIRST)
        page.get_by_role("button", name="Filters").click()
        expect(page.get_by_role("slider", name="Variety")).to_have_value("5")


def test_what_looks_like_markup_is_shown_as_it_is_written(
    open_page: Opener, address: str, library: SmallLibrary
) -> None:
    page = open_page(
        f"{address}/?n=120&like={library.id_of(HOSTILE)}&must={quote('script')}&q={quote(HOSTILE_CAPTION)}"
    )
    expect(page.locator(".card .caption").first).to_have_text(HOSTILE_CAPTION)
    expect(page.locator(".bl-reference span")).to_have_text(HOSTILE_CAPTION)
    cards(page).first.locator(".open").click()
    viewer = page.get_by_role("dialog")
    expect(viewer.get_by_role("heading")).to_have_text(HOSTILE_CAPTION)
    expect(viewer).to_contain_text(HOSTILE_NAME.replace("\u202e", "\ufffd"))
    page.keyboard.press("Escape")
    chip = open_page(f"{address}/?not={quote('**x** :smile: $y$ <b>')}")
    expect(chip.locator(".st-key-active")).to_contain_text("not **x** :smile: $y$ <b>")
    nameless = open_page(f"{address}/?view={library.id_of(UNCAPTIONED)}")
    expect(nameless.get_by_role("dialog").get_by_role("heading")).to_have_text("No caption yet")


def test_old_and_mangled_links_open(open_page: Opener, address: str, library: SmallLibrary) -> None:
    gone = "00000000-0000-4000-8000-000000000000"
    page = open_page(f"{address}/?like={gone}&view={gone}&picture={'0' * 32}&w=many&n=-1&q=night")
    expect(page.locator(".bl-notices")).to_contain_text("not in the library any more")
    expect(page.locator(".bl-notices")).to_contain_text("choose it again")
    expect(cards(page)).to_have_count(FIRST)
    useless = open_page(f"{address}/?must=the")
    expect(useless.locator(".bl-message")).to_contain_text("a word that captions can hold")


@pytest.mark.parametrize(("width", "columns", "scheme"), [(400, (1, 2), "dark"), (1280, (4, 8), "light")])
def test_nothing_overlaps_or_overflows(
    open_page: Opener, address: str, width: int, columns: tuple[int, int], scheme: str
) -> None:
    page = open_page(f"{address}/?q=a+red+car&not=night&not=sea", width=width, scheme=scheme)
    expect(cards(page).nth(20)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = [box for card in cards(page).all()[:24] if (box := card.bounding_box())]
    assert len(boxes) == 24
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if overlap(a, b)]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    row = [box for box in boxes if abs(box["y"] - boxes[0]["y"]) < 2]
    assert columns[0] <= len(row) <= columns[1]
    bar = [page.locator(f".st-key-{key}").bounding_box() for key in ("q", "filters", "picture", "active")]
    places = [box for box in bar if box]
    assert len(places) == 4
    assert not [(a, b) for n, a in enumerate(places) for b in places[:n] if overlap(a, b)]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in places)
    cards(page).first.locator(".open").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    side = page.locator(".side").bounding_box()
    stage = page.locator(".stage").bounding_box()
    assert side and stage and not overlap(side, stage)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    apart_x = a["x"] + a["width"] <= b["x"] + 0.5 or b["x"] + b["width"] <= a["x"] + 0.5
    apart_y = a["y"] + a["height"] <= b["y"] + 0.5 or b["y"] + b["height"] <= a["y"] + 0.5
    return not (apart_x or apart_y)


def test_the_keyboard_is_enough(open_page: Opener, address: str) -> None:
    page = open_page(address)
    expect(cards(page).first).to_be_visible()
    cards(page).first.locator(".open").focus()
    ring = "getComputedStyle(document.activeElement.shadowRoot?.activeElement ?? document.activeElement).outlineStyle"
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(ring) == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.className") == "open"


# ---- beside the page


Fetch = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture
def fetch(address: str) -> Fetch:
    def fetch(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    return fetch


def test_thumbnails_and_originals_by_id_alone(fetch: Fetch, library: SmallLibrary) -> None:
    image_id = library.id_of(UMBRELLAS)
    status, headers, body = fetch(f"/thumbnails/{image_id}.jpg")
    assert (status, headers["content-type"], body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert fetch(f"/thumbnails/{image_id}.jpg", **{"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = fetch(f"/originals/{image_id}")
    assert status == 200 and body == (library.pictures / f"scene-{UMBRELLAS:03d}.jpg").read_bytes()
    assert headers["x-content-type-options"] == "nosniff"
    for path in (
        "/thumbnails/00000000-0000-4000-8000-000000000000.jpg",
        "/originals/00000000-0000-4000-8000-000000000000",
    ):
        status, headers, body = fetch(path)
        assert (status, headers["content-type"], headers["cache-control"]) == (404, "image/svg+xml", "no-store")
    for path in ("/originals/..%2f..%2fetc%2fpasswd", f"/originals/{library.pictures}/scene-001.jpg"):
        _, headers, body = fetch(path)
        assert b"root:" not in body and "image" not in headers.get("content-type", "")


@contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    """Put another file in the place of a picture for a while."""
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(kept)


def as_tiff(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "TIFF")
    return file.getvalue()


def test_a_picture_that_browsers_do_not_show_comes_as_a_rendering(fetch: Fetch, library: SmallLibrary) -> None:
    image_id = library.id_of(10)
    with replaced(library.pictures / "scene-010.jpg", as_tiff(3000, 1000)):
        for path in (f"/originals/{image_id}", f"/originals/{image_id}?whole"):
            status, headers, body = fetch(path)
            assert (status, headers["content-type"]) == (200, "image/jpeg")
            assert Image.open(io.BytesIO(body)).size == (2048, 683)
        assert fetch(f"/originals/{image_id}", **{"If-None-Match": headers["etag"]})[0] == 304
    assert Image.open(io.BytesIO(fetch(f"/originals/{image_id}")[2])).size != (2048, 683)


def test_what_cannot_be_decoded_comes_as_its_thumbnail(fetch: Fetch, library: SmallLibrary) -> None:
    image_id = library.id_of(10)
    with replaced(library.pictures / "scene-010.jpg", b"II*\0 this is no picture any more"):
        assert fetch(f"/originals/{image_id}?whole")[0] == 415
        assert fetch(f"/originals/{image_id}")[2] == fetch(f"/thumbnails/{image_id}.jpg")[2]


def test_every_file_can_be_downloaded_under_its_own_name(fetch: Fetch, library: SmallLibrary) -> None:
    status, headers, body = fetch(f"/downloads/{library.id_of(10)}")
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert headers["content-disposition"] == "attachment; filename*=utf-8''scene-010.jpg"
    assert body == (library.pictures / "scene-010.jpg").read_bytes()
    assert fetch("/downloads/00000000-0000-4000-8000-000000000000")[0] == 404


def test_the_large_view_shows_a_tiff_and_offers_its_file(
    open_page: Opener, address: str, library: SmallLibrary
) -> None:
    with replaced(library.pictures / "scene-010.jpg", as_tiff(1200, 600)):
        page = open_page(f"{address}/?view={library.id_of(10)}")
        picture = page.locator(".viewer .stage img")
        expect(picture).to_have_attribute("src", re.compile("/originals/"))
        assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [1200, 600]
        expect(page.locator(".viewer .lacking")).to_have_text("")
        with page.expect_download() as download:
            page.get_by_text("Download", exact=True).click()
        assert download.value.suggested_filename == "scene-010.jpg"
        assert Path(download.value.path()).read_bytes() == (library.pictures / "scene-010.jpg").read_bytes()


def test_headers_health_and_closed_doors(fetch: Fetch) -> None:
    status, headers, body = fetch("/healthz")
    assert status == 200 and json.loads(body)["status"] == "ok"
    assert "'unsafe-eval'" not in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers
    assert fetch("/_stcore/metrics")[0] == 404
    assert fetch("/_stcore/agent/openapi.json")[0] == 404
    assert fetch("/healthz", Host="elsewhere.example")[0] == 400


def test_where_nothing_matches_well_the_page_says_so(open_page: Opener, address: str) -> None:
    page = open_page(address)
    ask(page, UMBRELLA)
    expect(cards(page).first.locator(".strength")).to_be_visible()
    expect(page.locator(".bl-remark")).to_have_count(0)
    ask(page, "a dog on a skateboard")
    expect(page.locator(".bl-remark")).to_contain_text("Nothing here matches well")
    expect(cards(page)).to_have_count(FIRST)


def test_weak_matches_can_be_left_out_and_brought_back(open_page: Opener, address: str) -> None:
    page = open_page(f"{address}/?q={quote(UMBRELLA)}&s=80")
    expect(page.locator(".card .caption").first).to_have_text(UMBRELLA)
    assert cards(page).count() < FIRST
    page.get_by_role("button", name="strength 0.80 and over").click()
    expect(cards(page)).to_have_count(FIRST)
    assert "s" not in asked(page)
    weak = open_page(f"{address}/?q=dog&s=80")
    expect(weak.locator(".bl-message")).to_contain_text("No picture matches that well")
    weak.get_by_role("button", name="Show weaker matches too").click()
    expect(cards(weak)).to_have_count(FIRST)
