"""What the page tells of an image."""

from datetime import UTC
from typing import Any

import pytest

from core.domain.result import Hit
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
