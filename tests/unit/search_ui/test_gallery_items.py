"""What the page tells of an image."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.domain.metadata import FileText
from core.domain.result import Hit
from core.query_language.parser import parse
from search_ui.page.gallery_items import make_card
from tests.support.made_up_images import record


def list_facts(**changes: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value, _ in make_card(Hit(record(1, **changes), None), UTC)["facts"]]


def test_the_first_caption_is_shown_and_the_others_are_told() -> None:
    told = {"caption": "a dog", "captions": ("a dog", "my <b>dog</b>"), "caption_origin": "human"}
    shown = list_facts(**told, generated="an animal", captioner="blip")
    assert ("Caption by", "a person") in shown
    assert [value for name, value in shown if name == "Also"] == ["my <b>dog</b>", "an animal"]
    assert make_card(Hit(record(1, **told), None), UTC)["caption"] == "a dog"


def test_copies_are_told() -> None:
    shown = make_card(Hit(record(1), None, copies=3), UTC)
    assert (shown["copies"], shown["hash"]) == (3, record(1).content_hash)
    assert ["Copies", "3 files of the same bytes", ""] in shown["facts"]
    assert "Copies" not in dict(list_facts())


@pytest.mark.parametrize(("score", "shown"), [(0.25, [("Caption fits", "0.2500")]), (None, [])])
def test_how_well_a_caption_fits_is_told_where_it_is_known(score: float | None, shown: list[tuple[str, str]]) -> None:
    assert [fact for fact in list_facts(caption="a dog", caption_score=score) if fact[0] == "Caption fits"] == shown


@pytest.mark.parametrize(
    ("precision", "shown"),
    [
        ("year", "2019"),
        ("month", "July 2019"),
        ("day", "4 July 2019"),
        ("hour", "4 July 2019, about 15 o'clock"),
        ("minute", "4 July 2019, 15:06"),
        ("second", "4 July 2019, 15:06:07"),
        (None, "4 July 2019, 15:06"),
    ],
)
def test_when_it_was_taken_is_shown_by_the_clock_there_as_exactly_as_it_is_known(
    precision: str | None, shown: str
) -> None:
    clock = datetime(2019, 7, 4, 15, 6, 7, tzinfo=UTC)
    told = {"taken_at": clock, "taken_precision": precision, "taken_from": "IPTC DateCreated"}
    assert ("Taken", shown) in list_facts(**told)  # whatever zone the page is looked at from
    card = make_card(Hit(record(1, **told), None), ZoneInfo("Asia/Tokyo"))
    assert ["Taken", shown, "from IPTC DateCreated"] in card["facts"]


@pytest.mark.parametrize(
    ("hours", "shown"), [(9, " (UTC+09:00)"), (-9.5, " (UTC-09:30)"), (0, " (UTC+00:00)"), (30, ""), (None, "")]
)
def test_the_offset_is_shown_where_it_is_known(hours: float | None, shown: str) -> None:
    clock = datetime(2019, 7, 4, 15, 6, 7, 500, tzinfo=UTC)
    instant = None if hours is None else clock - timedelta(hours=hours)
    told = dict(list_facts(taken_at=clock, taken_instant=instant, taken_precision="second"))
    assert told["Taken"] == f"4 July 2019, 15:06:07{shown}"


def test_every_text_is_told_with_who_says_so() -> None:
    told = {"caption": "At sea", "caption_origin": "file", "generated": "a boat", "captioner": "blip"}
    texts = (FileText("At sea", "IPTC caption"), FileText("<b>Sea</b>", "XMP title"))
    card = make_card(Hit(record(1, file_texts=texts, keywords=("sea", "sun"), people=("Anna",)), None), UTC)
    assert ["Keywords", "sea, sun", ""] in card["facts"] and ["People", "Anna", ""] in card["facts"]
    made = replace(record(1, file_texts=texts), **told)
    facts = make_card(Hit(made, None), UTC)["facts"]
    assert ["Caption by", "its file: IPTC caption", ""] in facts
    assert ["Also", "<b>Sea</b>", "its file: XMP title"] in facts and ["Also", "a boat", "the model blip"] in facts


def test_what_is_incomplete_and_what_is_a_pair_are_marked() -> None:
    card = make_card(Hit(record(1, key="a.jpg", pair="a.nef", incomplete=0.004), None, copies=2, raws=1), UTC)
    assert [badge["text"] for badge in card["badges"]] == ["1 %", "RAW + JPEG"]
    assert card["copies"] == 1 and card["pair"]["label"] == "Show the RAW" and card["pair"]["name"] == "a.nef"
    assert ["RAW of it", "a.nef", ""] in card["facts"]
    assert make_card(Hit(record(1), None), UTC)["badges"] == []


def test_where_it_was_taken_is_told_and_can_be_asked_for() -> None:
    card = make_card(Hit(record(1, latitude=-33.8568, longitude=151.0), None), UTC)
    assert ["Place", "-33.8568, 151", ""] in card["facts"]
    named = record(1, latitude=38.7, longitude=-9.1, places=("Alfama", "Lisbon"), city="Lisbon", region="Lisbon")
    facts = make_card(Hit(replace(named, country="Portugal"), None), UTC)["facts"]
    assert ["Place", "Alfama, Lisbon, Portugal", "38.7, -9.1"] in facts
    assert ["Place", "sea", "0.5, 1"] in make_card(
        Hit(record(1, latitude=0.5, longitude=1.0, places=("sea",)), None), UTC
    )["facts"]
    assert ["Place", "Porto", ""] in make_card(Hit(record(1, places=("Porto",), city="Porto"), None), UTC)["facts"]
    assert card["near"] == "near:-33.8568,151,1km" and parse(card["near"]).filter
    assert make_card(Hit(record(1), None), UTC)["near"] is None
