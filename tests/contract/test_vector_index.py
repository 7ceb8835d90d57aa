"""What every VectorIndex does. A backend joins by its line in conftest.BACKENDS."""

import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from core.domain.filtering.conditions import (
    Between,
    During,
    KeyGlob,
    KeyPrefix,
    Match,
    Missing,
    Near,
    Phrase,
    WithinBox,
)
from core.domain.filtering.filters import (
    EVERYTHING,
    FAILED,
    INDEXED,
    PEOPLE_ALONE,
    UNCAPTIONED,
    UNTOLD,
    Filter,
    caption_words,
    holding_word,
    oriented,
    taken_in,
)
from core.domain.image import ImageRef, to_payload
from core.domain.metadata import FileText
from core.domain.picture_texts import PictureTexts
from core.domain.query import Query, Sort, TextTerm, Weights
from core.domain.sort_orders import in_order
from core.domain.text_lines import TextLine
from core.ports.rank_lists import LISTS, Probe
from core.ports.retrieval import retrieve_in_parts
from core.ports.vector_index import CaptionUpdate, PlaceUpdate, Point, TextUpdate, VectorIndex
from core.search.facets import facet, holding
from core.search.ranker import Question, RankedMatches
from core.search.service import SearchService
from core.text import analysis
from core.text.word_lists import WordListName
from tests.support.fakes import ColourEncoder, InlineDecoder
from tests.support.index_queries import best_words, nearest, newest
from tests.support.made_up_images import START, failed_point, image_id, point, record, vector

ABSENT = image_id(999_999)
HOSTILE = [
    "line\nbreak",
    "tab\tquote\"apostrophe'",
    "back\\slash",
    "nul\0inside",
    "ünï\u202ecodé 💥",
    "<script>",
    "a" * 5000,
    " ",
]


def _ids(records: list) -> list[str]:
    return [found.id for found in records]


def _hits(hits: list) -> list[str]:
    return [hit.record.id for hit in hits]


@pytest.fixture
def library(index: VectorIndex) -> VectorIndex:
    """Images 1-4 captioned, 5 not captioned, 6 failed."""
    captions = ["two red cars", "a red umbrella at night", "a blue car in the snow", "the mice"]
    points = [point(n, caption) for n, caption in enumerate(captions, 1)]
    index.upsert([*points, point(5), failed_point(6)])
    return index


def test_an_empty_index_answers_with_nothing(index: VectorIndex) -> None:
    assert index.count() == 0
    assert index.scroll() == []
    assert newest(index, limit=10) == []
    assert nearest(index, vector(1), limit=10) == []
    assert nearest(index, vector(1), limit=10, using="caption") == []
    assert best_words(index, {"red": 1.0}, limit=10) == []
    assert index.facet("words") == []
    assert index.fetch([ABSENT]) == {}
    assert index.vectors([ABSENT]) == {}


def test_nothing_to_write_is_no_fault(index: VectorIndex) -> None:
    index.upsert([])
    index.set_captions([])
    index.set_refs([])
    index.delete([])
    assert index.count() == 0


def test_records_come_back_as_they_were_written(index: VectorIndex) -> None:
    full = record(1, "two red cars", caption_origin="human", captioner=None, taken_at=START + timedelta(microseconds=1))
    full = replace(full, width=3000, framing="tiles", incomplete=0.62, taken_instant=START, taken_from="GPS date")
    full = replace(full, taken_precision="day", camera="Canon EOS R5", lens="EF 50mm", latitude=-48.0, longitude=11.5)
    full = replace(full, rating=0, keywords=("beach", "a\nb"), people=("Anna",), pair="1.cr3")
    full = replace(full, file_texts=(FileText("Two red cars", "IPTC caption"), FileText("x", "XMP title")))
    bare = record(2, width=None, height=None, content_hash=None)
    broken = failed_point(3, "cut short after 12 bytes")
    index.upsert([Point(full, vector(1), vector(2)), Point(bare, vector(3)), broken])
    expected = {made.id: made for made in (full, bare, broken.record)}
    assert index.fetch([*expected, ABSENT, "not-an-id"]) == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_stored_found_and_counted_as_it_is(index: VectorIndex, text: str) -> None:
    made = record(1, caption=text, words=(text, "other"), key=text, uri=text, source=text, error=text)
    index.upsert([Point(made, vector(1)), point(2, "a red car")])
    assert index.fetch([made.id]) == {made.id: made}
    for field in ("words", "source"):
        assert _ids(index.scroll(Filter(all=(Match(field, (text,)),)))) == [made.id]  # type: ignore[arg-type]
    assert (text, 1) in index.facet("words")


def test_text_that_is_no_unicode_is_refused_whole_and_matches_nothing(index: VectorIndex) -> None:
    if index.backend == "memory":
        pytest.skip("Python's own strings hold them")
    lone = "cut \udce4 short"
    with pytest.raises(ValueError, match="UTF-8"):
        index.upsert([point(1), Point(record(2, key=lone), vector(2))])
    assert index.count() == 0
    index.upsert([point(1, "a red car")])
    with pytest.raises(ValueError, match="UTF-8"):
        index.set_captions([CaptionUpdate(image_id(1), lone, "human", None, None, None)])
    assert index.count(Filter(all=(Match("words", (lone,)),))) == 0
    assert index.count(Filter(all=(Match("words", (lone, "red")),))) == 1
    assert index.count(Filter(none=(Match("words", (lone,)),))) == 1


def test_an_update_replaces_the_whole_point(index: VectorIndex) -> None:
    index.upsert([point(1, "two red cars"), point(2, "two red cars")])
    index.upsert([failed_point(1)])
    assert index.count() == 2
    assert index.fetch([image_id(1)])[image_id(1)] == failed_point(1).record
    assert index.vectors([image_id(1)]) == index.vectors([image_id(1)], "caption") == {}
    assert _hits(nearest(index, vector(1), limit=10)) == [image_id(2)]
    assert _hits(best_words(index, analysis.query_weights("red"), limit=10)) == [image_id(2)]
    assert index.facet("words") == [("car", 1), ("red", 1), ("two", 1)]


def test_vectors_come_back_as_they_were_written(library: VectorIndex) -> None:
    ids = [image_id(n) for n in range(1, 7)]
    images = library.vectors([*ids, ABSENT])
    assert set(images) == set(ids[:5])
    captions = library.vectors(ids, "caption")
    assert set(captions) == set(ids[:4])
    np.testing.assert_array_equal(images[image_id(3)], vector(3))
    np.testing.assert_array_equal(captions[image_id(3)], vector(1003))
    assert images[image_id(3)].dtype == np.float32


def test_failed_images_are_listed_and_never_found(library: VectorIndex) -> None:
    assert _ids(library.scroll(FAILED)) == [image_id(6)]
    assert image_id(6) not in _hits(nearest(library, vector(6), limit=100))
    assert image_id(6) not in _hits(nearest(library, vector(6), FAILED, limit=100))


@pytest.mark.parametrize(
    ("filter", "passing"),
    [
        (EVERYTHING, {1, 2, 3, 4, 5, 6}),
        (INDEXED, {1, 2, 3, 4, 5}),
        (UNCAPTIONED, {5}),
        (caption_words(must=["CARS"]), {1, 3}),
        (caption_words(must=["car", "red"]), {1}),
        (caption_words(any_of=["umbrella", "mouse"]), {2, 4}),
        (caption_words(must=["red"], none_of=["night"]), {1}),
        (caption_words(none_of=["red"]), {3, 4, 5, 6}),
        (caption_words(any_of=["red umbrella", "snow"]), {2, 3}),
        (INDEXED & caption_words(none_of=["red", "blue"]), {4, 5}),
        (Filter(all=(Missing("words"),)), {5, 6}),
        (Filter(none=(Missing("captioner"),)), {1, 2, 3, 4}),
        (Filter(any=(Missing("words"), Match("words", ("blue", "night")))), {2, 3, 5, 6}),
        (Filter(none=(Filter(all=(Match("words", ("red",)), Match("words", ("car",)))),)), {2, 3, 4, 5, 6}),
        (Filter(any=(Filter(none=(Match("words", ("red",)),)), Match("words", ("night",)))), {2, 3, 4, 5, 6}),
        (Filter(all=(EVERYTHING,)), {1, 2, 3, 4, 5, 6}),
        (Filter(any=(EVERYTHING,)), {1, 2, 3, 4, 5, 6}),
        (Filter(none=(EVERYTHING,)), set()),
        (Filter(all=(Match("content_hash", (f"{2:064x}", f"{5:064x}")),)), {2, 5}),
        (Filter(all=(Match("words", ("unheard-of",)),)), set()),
    ],
)
def test_filters_mean_the_same_everywhere(library: VectorIndex, filter: Filter, passing: set[int]) -> None:
    ids = [image_id(n) for n in sorted(passing)]
    assert library.count(filter) == len(ids)
    assert _ids(library.scroll(filter)) == ids
    assert _ids(newest(library, filter, limit=100)) == ids[::-1]
    assert set(_hits(nearest(library, vector(1), filter, limit=100))) == set(ids) - {image_id(6)}
    assert dict(library.facet("content_hash", filter)) == {f"{n:064x}": 1 for n in passing}


@pytest.mark.parametrize("many", [3, 1010])
def test_copies_are_counted_however_many(index: VectorIndex, many: int) -> None:
    """Over a thousand, the embedded index counts them in another way."""
    same = [point(n, "a red car" if n % 2 else None, content_hash="ab") for n in range(1, many + 1)]
    alone = point(5000, content_hash="cd")
    index.upsert([*same, alone, point(5001, content_hash=None)])
    assert index.hashes([image_id(1), image_id(5000), image_id(5001), ABSENT]) == {
        image_id(1): "ab",
        image_id(5000): "cd",
    }
    assert index.copies(["ab", "cd", "ef", "ab"]) == {"ab": many, "cd": 1}
    assert index.copies(["ab", "cd"], caption_words(must=["red"])) == {"ab": (many + 1) // 2}
    assert index.copies([]) == {}


def test_captions_are_set_replaced_and_emptied(library: VectorIndex) -> None:
    before = library.fetch([image_id(5), image_id(1)])
    library.set_captions(
        [
            CaptionUpdate(image_id(5), "three dogs", "generated", "blip", 0.5, vector(77)),
            CaptionUpdate(image_id(1), "", "human", None, None, None),
            CaptionUpdate(ABSENT, "gone", "generated", "blip", 0.5, vector(78)),
        ]
    )
    after = library.fetch([image_id(5), image_id(1), ABSENT])
    assert after == {
        image_id(5): replace(
            before[image_id(5)],
            caption="three dogs",
            words=("three", "dog"),
            caption_origin="generated",
            captioner="blip",
            caption_score=0.5,
        ),
        image_id(1): replace(
            before[image_id(1)], caption="", words=(), caption_origin="human", captioner=None, caption_score=None
        ),
    }
    np.testing.assert_array_equal(library.vectors([image_id(5)], "caption")[image_id(5)], vector(77))
    np.testing.assert_array_equal(library.vectors([image_id(1)])[image_id(1)], vector(1))
    assert library.vectors([image_id(1), ABSENT], "caption") == {}
    assert _hits(best_words(library, analysis.query_weights("dogs"), limit=10)) == [image_id(5)]
    assert image_id(1) not in _hits(best_words(library, analysis.query_weights("red cars"), limit=10))
    assert library.count(UNCAPTIONED) == 0
    assert library.count() == 6


def test_several_captions_are_all_found_and_the_first_is_the_caption(library: VectorIndex) -> None:
    told = ("three dogs", "a puppy and two dogs")
    ids = [image_id(n) for n in (5, 4)]
    updates = [CaptionUpdate(i, told[0], "human", None, 0.5, vector(77), told, "an animal") for i in ids[:1]]
    updates.append(CaptionUpdate(ids[1], told[0], "human", None, 0.5, vector(77), told))
    library.set_captions(updates)
    both, alone = (library.fetch(ids)[i] for i in ids)
    assert (both.caption, both.captions, both.generated) == (told[0], told, "an animal")
    assert both.texts == (*told, "an animal") and alone.texts == told
    assert both.words == ("three", "dog", "puppy", "two", "animal")
    for word, found in (("puppy", set(ids)), ("animal", set(ids[:1]))):
        assert set(_ids(library.scroll(caption_words(must=[word])))) == found
        assert set(_hits(best_words(library, analysis.query_weights(word), limit=10))) == found
    point = Point(alone, vector(4), vector(77))
    library.upsert([point])
    assert library.fetch(ids[1:])[ids[1]] == alone
    assert ids[1] in _hits(best_words(library, analysis.query_weights("puppy"), limit=10))
    library.set_captions([CaptionUpdate(ids[0], "a cat", "generated", "blip", None, vector(78))])
    cat = library.fetch(ids)[ids[0]]
    assert (cat.texts, cat.captions, cat.generated, cat.words) == (("a cat",), (), None, ("cat",))


def test_what_a_file_says_of_itself_is_found_whatever_caption_it_has(index: VectorIndex) -> None:
    told = {"file_texts": (FileText("An old lighthouse", "XMP description"),), "keywords": ("sea side", "gulls")}
    made = replace(record(1, people=("Anna Smith",), caption_origin="file", **told), caption="An old lighthouse")
    made = replace(made, words=analysis.analyse(*made.searchable_texts))
    index.upsert([Point(made, vector(1), vector(2)), point(2, "a gull and the sea")])
    mine = CaptionUpdate(made.id, "my tower", "human", None, None, vector(3), ("my tower",))
    for number, origin in enumerate(("file", "human")):
        assert index.fetch([made.id])[made.id].caption_origin == origin
        for word in ("lighthouse", "gull", "sea", "anna"):
            assert made.id in _ids(index.scroll(caption_words(must=[word]))), word
            assert made.id in _hits(best_words(index, analysis.query_weights(word), limit=10)), word
        assert _ids(index.scroll(caption_words(must=["tower"]))) == [made.id][:number]
        for phrase, found in (("old lighthouse", 1), ("sea side", 1), ("side gulls", 0), ("anna smith", 1)):
            assert index.count(Filter(all=(Phrase(phrase),))) == found, phrase
        assert _ids(index.scroll(Filter(all=(Match("caption_origin", (origin,)),)))) == [made.id]
        assert _ids(index.scroll(INDEXED & Filter(none=(PEOPLE_ALONE,)))) == [image_id(2)]
        index.set_captions([mine])
    assert index.count(UNCAPTIONED) == 0


def test_every_list_of_words_finds_its_own_words_alone(index: VectorIndex) -> None:
    box = (0.1, 0.1, 0.9, 0.1, 0.9, 0.3, 0.1, 0.3)
    sign = replace(
        record(1, "a red door"),
        key="harbour/lisbonTrip_07.jpg",
        text_lines=(TextLine("Open daily", box, 0.9), TextLine("Bakery", box, 0.8)),
        text_reader="reader-1",
        places=("Lisbon", "Portugal"),
        country="Portugal",
    ).with_words()
    other = replace(record(2, "an open bakery in a harbour of Portugal"), key="boats.jpg").with_words()
    index.upsert([Point(sign, vector(1), vector(2)), Point(other, vector(3), vector(4))])
    assert index.fetch([sign.id])[sign.id] == sign

    def found(name: WordListName, word: str) -> set[str]:
        probe = Probe(name, terms=analysis.query_weights(word))
        ranked = dict(index.ranking(probe, limit=10))
        assert dict(index.shortlists([probe], limit=10)[name].ranking) == ranked
        assert index.scores([probe], [sign.id, other.id])[name] == pytest.approx(ranked)
        assert index.count(holding_word(word, name)) == len(ranked)
        return set(ranked)

    for name, word in (("text", "open"), ("text", "bakery"), ("place", "lisbon"), ("name", "lisbon"), ("name", "trip")):
        assert found(name, word) == {sign.id}, (name, word)  # type: ignore[arg-type]
    assert found("words", "bakery") == {other.id} and found("place", "bakery") == set() == found("words", "lisbon")
    assert index.count(Filter(all=(Match("country", ("Portugal",)), Match("text_reader", ("reader-1",))))) == 1

    index.set_texts([TextUpdate(sign.id, (TextLine("Shut", box, 0.7),), "reader-2", 3)])
    index.set_places([PlaceUpdate(other.id, ("Porto",), city="Porto", time_zone="Europe/Lisbon")])
    index.set_captions([CaptionUpdate(other.id, "a shop", "generated", "blip", None, vector(5), flaw="repeated")])
    assert found("text", "open") == set() and found("text", "shut") == {sign.id}
    assert found("place", "porto") == {other.id} and found("words", "shop") == {other.id}
    told = index.fetch([sign.id, other.id])
    assert (told[sign.id].text_reader, told[sign.id].unread_lines, told[sign.id].places) == ("reader-2", 3, sign.places)
    assert told[sign.id].caption == sign.caption and told[other.id].caption_flaw == "repeated"
    assert (told[other.id].city, told[other.id].time_zone, told[other.id].name_words) == (
        "Porto",
        "Europe/Lisbon",
        ("boat",),
    )


def test_places_are_found_across_the_antimeridian_and_around_the_poles(index: VectorIndex) -> None:
    places = [
        (0.0, 180.0),
        (0.0, -180.0),
        (0.0, 179.9),
        (0.0, -179.9),
        (90.0, 0.0),
        (89.95, 180.0),
        (-90.0, 7.0),
        (48, 11),
    ]
    index.upsert([point(n, latitude=float(lat), longitude=float(lon)) for n, (lat, lon) in enumerate(places, 1)])
    index.upsert([point(9)])
    for near, passing in (
        (Near(0, 180, 1), {1, 2}),
        (Near(0, -180, 11_200), {1, 2, 3, 4}),
        (Near(0, 179.95, 6000), {1, 2, 3}),
        (Near(89.99, -90, 12_000), {5, 6}),
        (Near(-89.95, 187 - 360, 12_000), {7}),
        (Near(48, 11, 0.001), {8}),
        (Near(48, 11, 20_100_000), {1, 2, 3, 4, 5, 6, 7, 8}),
        (Near(-48, 11 - 180, 20_000_000), {1, 2, 3, 4, 5, 6, 7}),
    ):
        found = {int(one.id[-2:], 16) for one in index.scroll(Filter(all=(near,)), limit=100)}
        assert found == passing, near
        assert index.count(Filter(none=(near,))) == 9 - len(passing)


def test_a_place_is_found_however_its_name_is_typed(index: VectorIndex) -> None:
    typed = {
        "Tromsø": ["Tromsø", "tromso", "TROMSO", "trom*o"],
        "Łódź": ["Łódź", "Lodz", "łodz", "lo*"],
        "L'Aquila": ["L'Aquila", "L\u2019Aquila", "Aquila", "Laquila", "L Aquila", "l\u2019aq*"],
        "Xi\u2019an": ["Xi'an", "Xian", "xi an"],
        "Provence-Alpes-Côte d'Azur": ["Cote d\u2019Azur", "cote azur", "PROVENCE ALPES"],
        "St. John's": ["St John\u2019s", "St. Johns", "st john"],
        "São Paulo": ["sao paulo", "SÃO PAULO", "Sao-Paulo", "sao*", "s?o paulo"],
        "Nuku\u2018alofa": ["Nukualofa", "Nuku'alofa", "nuku alofa"],
        "東京": ["東京", "東?"],
    }
    numbers = {n: name for n, name in enumerate(typed, 1)}
    points = [point(n, places=(name,)) for n, name in numbers.items()]
    index.upsert([*(replace(one, record=one.record.with_words()) for one in points[:-1]), point(99)])
    index.upsert([point(len(typed))])
    index.set_places([PlaceUpdate(image_id(len(typed)), ("東京",), None, None, None, None, None, None)])
    for name, texts in typed.items():
        for text in texts:
            found = [numbers[int(one.id[-2:], 16)] for one in index.scroll(Filter(all=(taken_in(text),)), limit=100)]
            assert found == [name], text


def test_boxes_of_a_map_find_what_lies_in_them(index: VectorIndex) -> None:
    chosen = random.Random(3)
    edges = ([-90.0, -89.9, 0.0, 12.5, 90.0], [-180.0, -179.9, 0.0, 8.25, 180.0])

    def draw(most: float, usual: list[float]) -> float:
        return chosen.choice([*usual, chosen.uniform(-most, most), float(chosen.randint(-int(most), int(most)))])

    places = {n: (draw(90, edges[0]), draw(180, edges[1])) for n in range(1, 201)}
    index.upsert([point(n, latitude=latitude, longitude=longitude) for n, (latitude, longitude) in places.items()])
    index.upsert([point(201)])

    def lies_within(south: float, west: float, north: float, east: float, latitude: float, longitude: float) -> bool:
        if not south <= latitude <= north:
            return False
        width = 360 if (west, east) == (-180, 180) else (east - west) % 360  # as seen from its western edge
        return abs(latitude) == 90 or width == 360 or (longitude - west) % 360 <= width

    boxes = [(-90.0, -180.0, 90.0, 180.0), (-90.0, 180.0, 90.0, -180.0), (-90.0, 0.0, 90.0, -180.0)]
    boxes += [(0.0, 180.0, 90.0, 180.0), (12.5, 8.25, 12.5, 8.25), (-90.0, 5.0, -90.0, 6.0)]
    for _ in range(60):
        south, north = sorted((draw(90, edges[0]), draw(90, edges[0])))
        boxes.append((south, draw(180, edges[1]), north, draw(180, edges[1])))
    for box in boxes:
        passing = {n for n, place in places.items() if lies_within(*box, *place)}
        found = {int(one.id[-2:], 16) for one in index.scroll(Filter(all=(WithinBox(*box),)), limit=300)}
        assert found == passing, box
        assert index.count(Filter(none=(WithinBox(*box),))) == 201 - len(passing)
    assert index.count(Filter(all=(WithinBox(*boxes[0]),))) == 200


def test_what_a_captioner_has_and_has_not_captioned_is_told_apart(library: VectorIndex) -> None:
    library.set_captions(
        [
            CaptionUpdate(image_id(1), "mine", "human", None, None, vector(1), ("mine",)),
            CaptionUpdate(image_id(2), "mine", "human", "blip", None, vector(1), ("mine",), "yours"),
        ]
    )
    assert _ids(library.scroll(UNTOLD)) == [image_id(1), image_id(5)]
    assert _ids(library.scroll(INDEXED & Filter(none=(PEOPLE_ALONE,)))) == [image_id(n) for n in (2, 3, 4, 5)]


def test_references_are_taken_over_and_nothing_else(library: VectorIndex) -> None:
    before = library.fetch([image_id(1)])[image_id(1)]
    later = START + timedelta(days=400, microseconds=7)
    ref = ImageRef(before.source, before.key, before.uri, "new-etag", 4321, later)
    library.set_refs([(image_id(1), ref), (ABSENT, ref)])
    after = library.fetch([image_id(1), ABSENT])
    assert after == {image_id(1): replace(before, etag="new-etag", bytes=4321, modified_at=later)}
    assert _ids(newest(library, limit=1)) == [image_id(1)]
    np.testing.assert_array_equal(library.vectors([image_id(1)], "caption")[image_id(1)], vector(1001))
    assert image_id(1) in _hits(best_words(library, analysis.query_weights("red"), limit=10))


def test_deleted_images_are_gone_from_every_answer(library: VectorIndex) -> None:
    library.delete([image_id(1), ABSENT, image_id(1), "not-an-id"])
    assert library.count() == 5
    assert library.fetch([image_id(1)]) == library.vectors([image_id(1)]) == {}
    assert image_id(1) not in _hits(nearest(library, vector(1), limit=10))
    assert image_id(1) not in _hits(best_words(library, analysis.query_weights("cars"), limit=10))
    assert image_id(1) not in _ids(library.scroll()) + _ids(newest(library, limit=10))
    assert dict(library.facet("words"))["car"] == 1
    library.upsert([point(1)])
    assert library.count() == 6


def test_pages_of_a_scroll_hold_everything_once(index: VectorIndex) -> None:
    index.upsert([point(n) for n in range(1, 24)])
    seen: list[str] = []
    while page := index.scroll(after=seen[-1] if seen else None, limit=5):
        assert len(page) <= 5
        seen += _ids(page)
    assert seen == [image_id(n) for n in range(1, 24)]
    index.delete([image_id(10)])
    assert _ids(index.scroll(after=image_id(10), limit=2)) == [image_id(11), image_id(12)]


@pytest.mark.parametrize("page", [1, 4, 7, 40])
def test_newest_orders_equal_times_by_id_on_every_page(index: VectorIndex, page: int) -> None:
    index.upsert([point(n, modified_at=START + timedelta(microseconds=n % 3)) for n in range(1, 31)])
    index.upsert([point(n, modified_at=START + timedelta(microseconds=5)) for n in (4, 31)])
    seen: list[str] = []
    while records := newest(index, limit=page, offset=len(seen)):
        seen += _ids(records)
    expected = sorted((n for n in range(1, 31) if n != 4), key=lambda n: (-(n % 3), n))
    assert seen == [image_id(n) for n in (4, 31, *expected)]


@pytest.mark.parametrize("by", ["modified", "taken", "name"])
@pytest.mark.parametrize("reverse", [False, True])
def test_every_order_is_the_same_on_every_page(index: VectorIndex, by: Sort, reverse: bool) -> None:
    times = [None, START, START - timedelta(days=30_000), START + timedelta(microseconds=1)]
    points = [
        point(n, taken_at=times[n % 4], modified_at=START + timedelta(seconds=n % 3), key=f"{n % 2}/IMG_{n % 5}.jpg")
        for n in range(1, 31)
    ]
    index.upsert(points)
    whole = _ids(in_order([made.record for made in points], by, reverse=reverse))
    for page in (1, 7, 30, 100):
        seen: list[str] = []
        while records := index.ordered(by, limit=page, offset=len(seen), reverse=reverse):
            seen += _ids(records)
        assert seen == whole
    assert index.ordered(by, limit=0) == []


@pytest.mark.parametrize(
    ("filter", "passing"),
    [
        (Filter(all=(Between("width", 640, 640),)), {1, 2, 3, 4, 5}),
        (Filter(all=(Between("height", high=479.5),)), set()),
        (oriented("landscape"), {1, 2, 3, 4, 5}),
        (oriented("portrait", "square"), set()),
        (Filter(none=(Between("aspect", 1.3, 1.4),)), {6}),
        (Filter(all=(Missing("aspect"),)), {6}),
        (Filter(all=(KeyPrefix("1"),)), {1}),
        (Filter(all=(KeyGlob("[2-4]*"),)), {2, 3, 4}),
        (Filter(none=(KeyGlob("*.JPG"),)), set()),
        (Filter(all=(KeyGlob("*.png"),)), set()),
        (Filter(all=(Phrase("A Red Umbrella"),)), {2}),
        (Filter(all=(Phrase("in the"),)), {3}),
        (Filter(any=(Phrase("umbrella red"), Phrase("cars"))), {1}),
        (Filter(none=(Phrase("red cars"), KeyPrefix("2"))), {3, 4, 5, 6}),
        (Filter(all=(During("modified_at", START + timedelta(minutes=2), START + timedelta(minutes=4)),)), {2, 3}),
        (Filter(all=(During("taken_at", since=START),)), set()),
        (Filter(all=(Missing("taken_at"),)), {1, 2, 3, 4, 5, 6}),
    ],
)
def test_filters_by_size_key_time_and_phrase(library: VectorIndex, filter: Filter, passing: set[int]) -> None:
    ids = [image_id(n) for n in sorted(passing)]
    for _ in range(2):  # what was read for the first time is kept
        assert library.count(filter) == len(ids)
        assert _ids(library.scroll(filter)) == ids
    assert _ids(newest(library, filter, limit=100)) == ids[::-1]


def test_patterns_of_keys_take_either_case(index: VectorIndex) -> None:
    """One meaning for every index; the beginning of a key is taken letter by letter."""
    keys = [
        "IMG_1.JPG",
        "2024/img_1.jpg",
        "I\u0307MG_1.jpg",
        "\u017fki/\u212aelvin.jpg",
        "straße.jpg",
        "STRASSE.jpg",
        "e\u0301te\u0301.jpg",
        "ÉTÉ.jpg",
        "\u0131slak;\u037e.jpg",
    ]
    index.upsert([point(n, key=key) for n, key in enumerate(keys, 1)])
    for pattern, passing in {
        "img_1*": {1, 3},
        "*IMG_1.jpg": {1, 2, 3},
        "*/IMG_?.JPG": {2},
        "SKI/kelvin*": {4},
        "*\u017f*": {4, 5, 6, 9},
        "STRASSE*": {6},
        "STRAẞE*": {5},
        "stra?e.jpg": {5},
        "été*": {7, 8},
        "[É-É]T*": {7, 8},
        "islak*": {9},
        "*;;.jpg": {9},
        "*.J[PQ]G": set(range(1, 10)),
    }.items():
        found = {int(one.id[-2:], 16) for one in index.scroll(Filter(all=(KeyGlob(pattern),)), limit=100)}
        assert found == passing, pattern
        assert index.count(Filter(none=(KeyGlob(pattern),))) == len(keys) - len(passing), pattern
    assert index.count(Filter(all=(KeyPrefix("img"),))) == 0
    assert index.count(Filter(all=(KeyPrefix("IMG"),))) == 1


def test_what_is_written_later_passes_the_same_filters(library: VectorIndex) -> None:
    filters = [Filter(all=(KeyGlob("*.jpg"),)), Filter(all=(Phrase("a red umbrella"),))]
    assert [library.count(filter) for filter in filters] == [6, 1]
    library.upsert([point(7, "a red umbrella"), point(2, "a blue umbrella", key="2.png")])
    assert [library.count(filter) for filter in filters] == [6, 1]
    library.set_captions([CaptionUpdate(image_id(1), "a RED umbrella", "human", None, None, None)])
    library.delete([image_id(7)])
    assert [library.count(filter) for filter in filters] == [5, 1]
    assert _ids(library.scroll(filters[1])) == [image_id(1)]


def test_a_phrase_is_looked_for_in_every_caption_by_itself(library: VectorIndex) -> None:
    told = ("a dog", "runs on the beach", "a dog on sand")
    library.set_captions([CaptionUpdate(image_id(1), told[0], "human", None, None, None, told, "a red kite")])
    for phrase, count in (("on the beach", 1), ("dog on sand", 1), ("red kite", 1), ("dog runs", 0)):
        assert library.count(Filter(all=(Phrase(phrase),))) == count, phrase


def test_shortlists_and_scores_of_every_list(library: VectorIndex) -> None:
    probes = [
        Probe("image", vector(2)),
        Probe("caption", vector(1002)),
        Probe("words", terms={"red": 1.0, "night": -0.5}),
    ]
    short = library.shortlists(probes, caption_words(none_of=["snow"]), limit=3)
    assert [one.ranking[0][0] for one in (short["image"], short["caption"])] == [image_id(2)] * 2
    assert short["image"].best == pytest.approx(1.0) and len(short["image"].ranking) == 2
    assert [found for found, _ in short["words"].ranking] == [image_id(1), image_id(2)]
    scores = library.scores(probes, [image_id(n) for n in (1, 2, 3, 4, 6)] + [ABSENT, "not-an-id"])
    assert scores["image"].keys() == {image_id(n) for n in (1, 2, 3, 4)}
    assert scores["words"] == pytest.approx(dict(short["words"].ranking))
    assert scores["caption"][image_id(3)] == pytest.approx(float(vector(1003) @ vector(1002)), abs=1e-5)
    assert library.scores(probes, []) == {"image": {}, "caption": {}, "words": {}}
    assert library.ranking(probes[0], limit=0) == []
    for probe in probes:
        whole = library.ranking(probe, limit=10)
        assert library.ranking(probe, limit=2) == whole[:2]


def test_one_pass_answers_what_its_parts_do(library: VectorIndex) -> None:
    probes = [
        Probe("image", vector(2)),
        Probe("caption", vector(1002)),
        Probe("words", terms={"red": 1.0, "night": -0.5}),
        Probe("name", terms={"nothing": -1.0}),
    ]
    library.upsert(
        [point(7, "a red boat", key="a.cr2", pair="a.jpg"), point(8, "a red boat", key="a.jpg", pair="a.cr2")]
    )
    filters = [INDEXED, INDEXED & caption_words(none_of=["snow"]), Filter((Match("camera", ("none",)),))]
    for passing in filters:
        for asked in (probes, probes[2:3], probes[:1], probes[1:]):
            for limit in (2, 3, 100):
                found = library.retrieve(asked, passing, limit=limit)
                expected = retrieve_in_parts(library, asked, passing, limit=limit)
                assert found.shortlists.keys() == expected.shortlists.keys()
                for name, one in expected.shortlists.items():
                    other = found.shortlists[name]
                    assert dict(other.ranking) == pytest.approx(dict(one.ranking), abs=1e-6)
                    assert [other.best, other.last] == pytest.approx([one.best, one.last], abs=1e-6)
                    assert other.whole == one.whole
                assert found.scores.keys() == {probe.list for probe in asked}
                for name, scores in expected.scores.items():
                    told = found.scores[name]
                    assert told == pytest.approx({one: scores[one] for one in told}, abs=1e-6)
                    missing = [score for one, score in scores.items() if one not in told]
                    last = expected.shortlists[name].last if name in ("image", "caption") else None
                    assert not missing or (last is not None and max(missing) <= last + 1e-6)
                assert (found.total, found.paired) == (expected.total, True)
                held = library.hashes(list(found.hashes))
                assert found.hashes == {one: held.get(one) for one in found.hashes}
                jpegs = {one: library.fetch([one])[one].jpeg_id for one in found.hashes}
                assert found.raws == {one: jpeg for one, jpeg in jpegs.items() if jpeg}


def test_images_that_pass_are_read_by_their_ids(library: VectorIndex) -> None:
    ids = [image_id(n) for n in (3, 1, 2)] + [ABSENT, "not-an-id"]
    for passing in (EVERYTHING, INDEXED, caption_words(must=["red"]), Filter((Match("camera", ("none",)),))):
        expected = {one: record for one, record in library.fetch(ids).items() if passing.matches(to_payload(record))}
        assert library.passing(ids, passing) == expected, passing
    assert library.passing([], EVERYTHING) == {}


def test_what_is_said_of_images_is_read_without_the_rest(library: VectorIndex) -> None:
    library.upsert([point(9, "a red car in the snow", key="blue.jpg")])
    ids = [image_id(n) for n in (9, 3, 1, 2)] + [ABSENT, "not-an-id"]
    expected = {one: PictureTexts.of(record) for one, record in library.fetch(ids).items()}
    assert library.texts(ids) == expected and len(expected) == 4
    assert library.texts([]) == {}
    for words in ([("red", "reddish")], [("red",), ("snow", "snows")], [("blue",), ("red",)], [("\ud800",)]):
        found = library.texts(ids, words)
        assert found.items() <= expected.items()
        holding = {
            one
            for one, texts in expected.items()
            if all({*texts.words, *texts.text_words, *texts.place_words, *texts.name_words} & {*w} for w in words)
        }
        assert holding <= found.keys(), words


def test_details_are_read_at_once(library: VectorIndex) -> None:
    ids = [image_id(2), ABSENT, image_id(1)]
    hashes = [found for found in library.hashes(ids).values()]
    found = library.details(ids, INDEXED, hashes=hashes, vectors=[image_id(3), ABSENT])
    assert found.records == library.fetch(ids)
    assert found.copies == library.copies(hashes, INDEXED)
    assert found.vectors.keys() == {image_id(3)}
    assert found.vectors[image_id(3)] == pytest.approx(library.vectors([image_id(3)])[image_id(3)])
    none = library.details([], count=True)
    assert (none.records, none.copies, none.vectors, none.total) == ({}, {}, {}, library.count())


def test_what_failed_is_in_no_list_of_what_is_indexed_whatever_people_said_of_it(library: VectorIndex) -> None:
    words_of_red = Probe("words", terms={"red": 1.0})
    probes = [Probe("image", vector(2)), Probe("caption", vector(1002)), words_of_red]
    before = library.shortlists(probes, INDEXED, limit=10)
    library.upsert([failed_point(9)])
    library.set_captions([CaptionUpdate(image_id(9), "a red car", "human", None, None, vector(1002))])
    assert image_id(9) in dict(library.shortlists(probes, limit=10)["caption"].ranking)
    after = library.shortlists(probes, INDEXED, limit=10)
    for name, shortlist in before.items():
        assert [found for found, _ in after[name].ranking] == [found for found, _ in shortlist.ranking]
    library.delete([image_id(9)])
    again = library.shortlists(probes, INDEXED & caption_words(must=["red"]), limit=10)
    assert image_id(9) not in dict(again["caption"].ranking) and again["caption"].ranking


@pytest.mark.parametrize("exact", [False, True])
def test_nearest_are_the_nearest_with_their_cosines(library: VectorIndex, exact: bool) -> None:
    cosines = {image_id(n): float(vector(n) @ vector(42)) for n in range(1, 6)}
    hits = nearest(library, vector(42), limit=3, exact=exact)
    assert _hits(hits) == sorted(cosines, key=lambda i: -cosines[i])[:3]
    assert [hit.score for hit in hits] == pytest.approx([cosines[hit.record.id] for hit in hits], abs=1e-5)
    assert hits[0].record == library.fetch([hits[0].record.id])[hits[0].record.id]
    (best, *_) = nearest(library, vector(1002), limit=1, using="caption", exact=exact)
    assert (best.record.id, best.score) == (image_id(2), pytest.approx(1.0, abs=1e-5))


@pytest.mark.parametrize("page", [1, 3, 50])
def test_pages_of_equal_images_hold_everything_once(index: VectorIndex, page: int) -> None:
    copies = [Point(record(n), vector(7)) for n in range(1, 21)]
    index.upsert([*reversed(copies), *(point(n) for n in range(21, 31))])
    seen: list[str] = []
    while hits := nearest(index, vector(7), limit=page, offset=len(seen)):
        seen += _hits(hits)
    assert seen[:20] == [image_id(n) for n in range(1, 21)]
    assert sorted(seen) == [image_id(n) for n in range(1, 31)]
    assert nearest(index, vector(7), limit=5, offset=1000) == []


def test_words_rank_rare_before_common(index: VectorIndex) -> None:
    captions = ["a red car", "a red umbrella", "a red mouse at night", "a blue car", "a car", "a red red car"]
    index.upsert([point(n, caption) for n, caption in enumerate(captions, 1)])
    hits = best_words(index, analysis.query_weights("red umbrellas"), limit=10)
    assert _hits(hits)[0] == image_id(2)
    assert set(_hits(hits)) == {image_id(n) for n in (1, 2, 3, 6)}
    assert _hits(best_words(index, analysis.query_weights("red"), caption_words(none_of=["car"]), limit=1)) == [
        image_id(2)
    ]
    assert best_words(index, {}, limit=10) == []


def test_a_form_of_several_words_is_found_by_each_and_counted_under_one(index: VectorIndex) -> None:
    captions = ["leaves on the ground", "dogs leave", "a skater grinds", "turn left", "the white T-shirt", "the ground"]
    index.upsert([point(n, caption) for n, caption in enumerate(captions, 1)])
    found = {"leaf": {1}, "leave": {1, 2, 4}, "left": {4}, "leaves": {1, 2, 4}, "grind": {1, 3, 6}, "tshirts": {5}}
    for word, numbers in found.items():
        passing = caption_words(must=[word])
        assert {one.id for one in index.scroll(passing, limit=10)} == {image_id(n) for n in numbers}, word
        assert index.count(caption_words(none_of=[word])) == len(captions) - len(numbers), word
    for phrase, n in (("leaves on", 1), ("turn left", 4), ("white t", 5), ("t shirt", 5), ("shirt", 5)):
        assert [one.id for one in index.scroll(Filter(all=(Phrase(phrase),)), limit=10)] == [image_id(n)], phrase
    assert index.count(Filter(all=(Phrase("leaf on"),))) == 0
    counted = dict(facet(index, "word", EVERYTHING))
    assert counted["ground"] == 2 and not {"grind", "leave"} & counted.keys()  # mostly read as another word
    assert counted == {word: index.count(Filter(all=(holding("word", word),))) for word in counted}
    assert facet(index, "word", EVERYTHING, limit=2) == [("ground", 2), ("dog", 1)]


def test_facets_count_each_image_once_and_order_ties_by_value(index: VectorIndex) -> None:
    captions = ["b a", "b c", "zebra yak b", "yak"]
    index.upsert([point(n, caption) for n, caption in enumerate(captions, 1)])
    index.upsert([point(9, words=("yak", "yak"))])
    assert index.facet("words") == [("b", 3), ("yak", 3), ("c", 1), ("zebra", 1)]
    assert index.facet("words", limit=0) == []
    assert index.facet("words", limit=3) == [("b", 3), ("yak", 3), ("c", 1)]
    assert index.facet("words", caption_words(must=["yak"]), limit=1) == [("yak", 3)]
    assert index.facet("status") == [("indexed", 5)]
    assert index.facet("caption_origin") == [("generated", 4)]


def test_every_write_of_an_image_gives_it_another_version(library: VectorIndex) -> None:
    before = dict(library.versions())
    assert before.keys() == {one.id for one in library.scroll()}
    moved = replace(library.fetch([image_id(3)])[image_id(3)].ref, etag="other")
    library.upsert([point(1, "a red car")])
    library.set_captions([CaptionUpdate(image_id(2), "a boat", "human", None, None, vector(9))])
    library.set_refs([(image_id(3), moved)])
    library.delete([image_id(4)])
    after = dict(library.versions())
    assert after.keys() == before.keys() - {image_id(4)}
    assert {one for one in after if after[one] != before[one]} == {image_id(1), image_id(2), image_id(3)}


def test_optimizing_changes_no_answer(library: VectorIndex) -> None:
    before = library.scroll(), nearest(library, vector(3), limit=10)
    library.optimize()
    assert (library.scroll(), nearest(library, vector(3), limit=10)) == before
    assert library.size_bytes() > 0


def test_lists_of_words_narrow_facets_and_pages_of_words_alone(index: VectorIndex) -> None:
    line = TextLine("Fish Market", (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0), 0.9)
    told = [
        record(1, "a fish", camera="one"),
        record(2, camera="two", text_lines=(line,)),
        record(3, camera="three", places=("Fish Creek", "Alaska")),
        record(4, camera="four", key="fish trip/IMG_0004.jpg"),
        record(5, "a dog", camera="five"),
    ]
    index.upsert([Point(one.with_words(), vector(n)) for n, one in enumerate(told)])
    service = SearchService(index, ColourEncoder, InlineDecoder)  # type: ignore[arg-type]
    asked = (TextTerm("fish"),)
    for lists, found in (
        ({"words": 1}, [1]),
        ({"text": 1}, [2]),
        ({"words": 1, "place": 1}, [1, 3]),
        ({"words": 1, "text": 1, "place": 1, "name": 1}, [1, 2, 3, 4]),
    ):
        query = Query(asked, weights=Weights.only(**lists))
        result = service.search(query)
        assert sorted(hit.record.id for hit in result.hits) == [image_id(n) for n in found]
        assert result.total == len(found)
        assert {name for hit in result.hits for name in hit.standings} == lists.keys()
        assert all(hit.matched == ("fish",) and hit.strength == 1 for hit in result.hits)
        cameras = dict(service.facets(query, ["camera"])["camera"])
        assert cameras == {told[n - 1].camera: 1 for n in found}
        for shortlist in (200, 1):  # of which the second knows next to nothing
            question = Question(
                tuple(Probe(name, terms={"fish": 1.0}) for name in LISTS if name in lists),
                INDEXED,
                Weights.only(**lists),
                (("fish",),),
            )
            ranked = RankedMatches(index, question, shortlist)
            pages = [ranked.page(limit=1, offset=n) for n in range(len(found) + 1)]
            assert sorted(one for page in pages for one in page) == [image_id(n) for n in found]


def test_some_fields_are_those_of_the_payload(library: VectorIndex) -> None:
    held = library.fetch([image_id(1), image_id(3)])
    names = ("etag", "status", "width", "pair", "captions")
    wanted = {one: (of.etag, of.status, of.width, of.pair, list(of.captions)) for one, of in held.items()}
    assert library.fields([image_id(3), ABSENT, image_id(1)], names) == wanted
    assert library.fields([], names) == {}


def test_ids_come_page_by_page_in_ascending_order(library: VectorIndex) -> None:
    whole = [one.id for one in library.scroll()]
    first = library.ids(limit=3)
    assert first + library.ids(after=first[-1]) == whole == sorted(whole)
    passing = [one.id for one in library.scroll(INDEXED)]
    assert library.ids(INDEXED, limit=len(passing)) == passing
    assert library.ids(after=ABSENT) == []


def test_the_stamp_is_the_same_until_something_is_written(library: VectorIndex) -> None:
    stamp = library.stamp()
    library.scroll()
    assert library.stamp() == stamp
    library.delete([image_id(4)])
    assert stamp is None or library.stamp() != stamp
