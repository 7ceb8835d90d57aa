"""Questions with operators on the page: what they find, what it tells of them, and how they are switched off."""

import re

from playwright.sync_api import expect

from tests.support.small_library import UMBRELLAS, SmallLibrary
from tests.ui.conftest import COUNT, Opener
from tests.ui.test_page import ask, captions, cards, finished, found, outcome

UMBRELLA = "three red umbrellas at night"


def test_a_word_is_left_out_and_the_page_says_so(open_page: Opener, address: str, library: SmallLibrary) -> None:
    page = open_page(address)
    ask(page, "umbrellas -red")
    notices = page.locator(".bl-notices")
    expect(notices).to_contain_text("read as: without “red”")
    assert "umbrella" in captions(page)[0] and not any(" red " in f" {caption} " for caption in captions(page))
    left = sum(" red " not in f" {caption or ''} " for caption in library.captions.values())
    assert found(page) == left


def test_a_switch_searches_the_very_words(open_page: Opener, address: str) -> None:
    page = open_page(address)
    ask(page, "umbrellas -red")
    expect(page.locator(".bl-notices")).to_contain_text("read as")
    page.get_by_role("button", name="Filters").click()
    page.get_by_text("Search the very words").click()
    expect(page).to_have_url(re.compile("raw=1"))
    finished(page)
    expect(page.locator(".bl-notices")).not_to_contain_text("read as")
    assert found(page) == COUNT
    assert captions(page)[0] == UMBRELLA
    page.keyboard.press("Escape")
    page.locator(".st-key-raw-chip button").click()
    expect(page).not_to_have_url(re.compile("raw=1"))
    finished(page)
    expect(page.locator(".bl-notices")).to_contain_text("read as")


def test_a_file_is_found_by_its_name_once_that_is_asked(open_page: Opener, address: str, library: SmallLibrary) -> None:
    page = open_page(address)
    ask(page, f"SCENE-{UMBRELLAS:03d}")
    told = f"“SCENE-{UMBRELLAS:03d}” is searched as words; file:SCENE-{UMBRELLAS:03d} finds 1 picture"
    expect(page.locator(".bl-notices")).to_contain_text(told)
    ask(page, f"file:SCENE-{UMBRELLAS:03d}")
    expect(cards(page)).to_have_count(1)
    expect(outcome(page)).to_contain_text("newest first")
    assert captions(page) == [UMBRELLA]


def test_what_finds_nothing_says_which_operator_to_drop(open_page: Opener, address: str) -> None:
    page = open_page(address)
    ask(page, 'star file:nowhere "at night"')
    message = page.locator(".bl-message")
    expect(message).to_contain_text("No picture passes these filters")
    expect(message).to_contain_text("Without “file:nowhere” there are")
    expect(page.locator(".bl-notices")).to_contain_text("no file is called “nowhere”")
    expect(page.get_by_role("button", name="Drop all filters")).to_have_count(0)
    page.get_by_role("button", name="Search the very words").click()
    expect(page).to_have_url(re.compile("raw=1"))
    finished(page)
    expect(outcome(page)).to_contain_text("best match first")
    assert found(page) == COUNT
