"""Filters by what is written in pictures: every backend finds the same, with a letter that was read wrongly."""

import random

import pytest

from core.domain.filtering.filters import Filter
from core.domain.filtering.parser import parse_filter
from core.domain.image import to_payload
from core.domain.text_lines import TextLine
from core.errors import InvalidQuery
from core.ports.vector_index import Point, TextUpdate, VectorIndex
from tests.support.made_up_images import image_id, record, vector

PAGES: dict[int, tuple[str, ...]] = {
    1: ("INVOICE 2024-117", "Total amount due", "Müller & Söhne"),
    2: ("lnvoice 2024", "due on Friday"),  # the first letter was read wrongly
    3: ("Invoices of 2023",),
    4: ("In voice", "mail"),
    5: ("STOP",),
    6: ("東京駅入口",),
    7: (),
    8: ("The end of the road", "the due amount"),
    9: ("Invioce nr 2025",),
    10: ("A cat", "cars and dogs"),
    11: ("Musée de l’Été", "Galleria dell'Arte"),
}


def page(n: int, *lines: str, **changes: object) -> Point:
    box = (0.1, 0.1, 0.9, 0.1, 0.9, 0.2, 0.1, 0.2)
    read = tuple(TextLine(line, box, 0.9) for line in lines)
    return Point(record(n, text_lines=read, text_reader="reader-1", **changes).with_words(), vector(n))


def found(index: VectorIndex, asked: object) -> set[int]:
    filter = parse_filter(asked)
    ids = {record.id for record in index.scroll(filter, limit=100)}
    assert index.count(filter) == len(ids)
    return {n for n in range(1, 100) if image_id(n) in ids}


@pytest.fixture
def pages(index: VectorIndex) -> VectorIndex:
    index.upsert([page(n, *lines) for n, lines in PAGES.items()])
    return index


def test_words_that_are_written_are_found_one_letter_in_six_aside(pages: VectorIndex) -> None:
    for asked, passing in {
        "invoice": {1, 2, 3, 9},
        "INVOICES": {1, 2, 3, 9},
        "invoice 2024": {1, 2},
        "2024 invoice": {1, 2},
        '"invoice 2024"': {1, 2},
        '"2024 invoice"': set(),
        "“amount due”": {1},
        '"due amount"': {8},
        "amount due": {1, 8},
        '"the due amount"': {8},
        '"the end" road': {8},
        "2025": {9},
        "20244": set(),
        "muller": {1},
        "stop": {5},
        "stob": set(),  # of four letters none may differ
        "cat": {10},
        "car dog": {10},
        '"car dog"': set(),
        "東京": {6},
        "été": {11},
        '"l\'ete"': {11},
        "\uff02galleria arte\uff02": {11},
        "arte moderna": set(),
        "voice": {4},
        "absent": set(),
    }.items():
        assert found(pages, {"text": asked}) == passing, asked
        assert found(pages, {"none": [{"text": asked}]}) == set(PAGES) - passing, asked
    assert found(pages, {"text": ["stop", "cat"]}) == {5, 10}
    assert found(pages, {"all": [{"text": "invoice"}, {"text": "due"}]}) == {1, 2}
    assert found(pages, {"has_text": True}) == set(PAGES) - {7}
    assert found(pages, {"has_text": False}) == {7}


def test_what_is_read_later_passes_the_same_filter_and_captions_do_not(pages: VectorIndex) -> None:
    pages.upsert([page(13, caption="an invoice"), page(12)])
    assert found(pages, {"text": "invoice"}) == {1, 2, 3, 9}
    pages.set_texts([TextUpdate(image_id(12), (TextLine("invoices", (0.0,) * 8, 0.9),), "reader-1", 0)])
    pages.set_texts([TextUpdate(image_id(1), (), "reader-2", 0)])
    assert found(pages, {"text": "invoice"}) == {2, 3, 9, 12}
    pages.delete([image_id(2)])
    assert found(pages, {"text": '"invoice 2024"'}) == set()
    assert found(pages, {"word": "invoice"}) == {13}


def test_made_up_texts_are_found_as_the_meaning_of_the_filter_says(real_index: VectorIndex) -> None:
    chance = random.Random(5)
    words = ["invoice", "invoic", "lnvoice", "total", "totals", "2024", "2023", "amount", "amuont", "the", "due"]
    points = []
    for n in range(1, 41):
        lines = [" ".join(chance.choices(words, k=chance.randint(1, 4))) for _ in range(chance.randint(0, 3))]
        points.append(page(n, *lines))
    real_index.upsert(points)
    payloads = {point.record.id: to_payload(point.record) for point in points}
    for _ in range(60):
        asked = " ".join(chance.choices(words, k=chance.randint(1, 3)))
        try:
            filter = parse_filter({chance.choice(["all", "none"]): [{"text": chance.choice([asked, f'"{asked}"'])}]})
        except InvalidQuery:
            assert set(asked.split()) == {"the"}
            continue
        passing = [image_id for image_id, payload in sorted(payloads.items()) if filter.matches(payload)]
        assert [record.id for record in real_index.scroll(filter & Filter(), limit=100)] == passing, filter
