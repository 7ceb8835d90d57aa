"""A RAW and its JPEG are one hit, which is the JPEG; copies of either are counted once."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.filtering.conditions import KeyGlob, Match, Missing
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.ids import point_id
from core.domain.image import ImageRecord, to_payload
from core.domain.query import Query, TextTerm
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from tests.support.fakes import ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import record, vector

SOURCE = "file:///pictures"


def picture(n: int, key: str, content_hash: str, pair: str | None = None, rating: int | None = None) -> ImageRecord:
    made = record(n, key=key, content_hash=content_hash, pair=pair, rating=rating)
    return replace(made, id=point_id(SOURCE, key))


def service(*records: ImageRecord) -> SearchService:
    index = MemoryIndex(IndexInfo("colours", "colours-1", 16))
    index.upsert([Point(one, vector(n)) for n, one in enumerate(records)])
    return SearchService(index, ColourEncoder, InlineDecoder)


def shown(found: SearchService, query: Query) -> list[tuple[str, int, int]]:
    return sorted((hit.record.key, hit.copies, hit.raws) for hit in found.search(query).hits)


@pytest.mark.parametrize(
    ("key", "pair", "is_raw"),
    [
        ("a.cr3", "a.jpg", True),
        ("2024/a.NEF", "2024/A.JPEG", True),
        ("a.dng", "a.HEIC", True),
        ("a.jpg", "a.cr3", False),
        ("a.jpg", "a.heic", False),
        ("a.cr3", None, False),
        ("a.cr3", "a.dng", False),
    ],
)
def test_the_raw_of_a_pair_is_told_by_its_name(key: str, pair: str | None, is_raw: bool) -> None:
    assert picture(1, key, "aa", pair).is_raw_of_pair == is_raw


def test_a_raw_and_its_jpeg_are_one_hit() -> None:
    found = service(
        picture(1, "a.jpg", "j1", "a.cr3"), picture(2, "a.cr3", "r1", "a.jpg"), picture(3, "b.nef", "r2", "b.jpg")
    )
    for query in (Query(), Query((TextTerm("red"),)), Query(sort="name", reverse=True)):
        assert shown(found, query) == [("a.jpg", 2, 1), ("b.nef", 1, 0)]  # the JPEG of b is gone
        assert found.search(query).total == 3
        assert len(found.search(replace(query, fold=False)).hits) == 3
    one = found.search(Query(limit=1, sort="name")).hits[0]
    assert (one.same_bytes, one.record.pair_id) == (1, point_id(SOURCE, "a.cr3"))


def test_a_raw_whose_jpeg_does_not_pass_is_shown() -> None:
    found = service(picture(1, "a.jpg", "j1", "a.cr3", 2), picture(2, "a.cr3", "r1", "a.jpg", 5))
    assert shown(found, Query(filter=Filter(all=(KeyGlob("*.CR3"),)))) == [("a.cr3", 1, 0)]
    assert shown(found, Query((TextTerm("red"),), Filter(none=(KeyGlob("*.jpg"),)))) == [("a.cr3", 1, 0)]


FILTERS = [
    Filter(),
    Filter(none=(Missing("rating"),)),
    Filter(all=(KeyGlob("x/*"),)),
    Filter(all=(Missing("pair"),)),
]
_names = st.sampled_from(["a", "b", "x/a", "x/b", "c"])


@st.composite
def libraries(draw: st.DrawFn) -> list[ImageRecord]:
    """Folders with JPEGs, RAWs and both, of few contents; a few were copied with and without their RAWs."""
    records = []
    for name in draw(st.lists(_names, unique=True, min_size=1)):
        raw, jpeg = f"{name}.cr3", f"{name}.jpg"
        kind = draw(st.sampled_from(["both", "raw", "jpeg"]))
        rating = draw(st.none() | st.just(5))
        if kind != "jpeg":
            pair = jpeg if kind == "both" else draw(st.sampled_from([None, jpeg]))
            records.append(picture(len(records), raw, draw(st.sampled_from(["r1", "r2"])), pair, rating))
        if kind != "raw":
            hash = draw(st.sampled_from(["j1", "j2"]))
            records.append(picture(len(records), jpeg, hash, raw if kind == "both" else None, draw(st.just(rating))))
    return records


@settings(max_examples=80)
@given(
    libraries(),
    st.sampled_from(FILTERS),
    st.sampled_from([Query(), Query((TextTerm("red"),)), Query(sort="name")]),
)
def test_hits_stand_for_all_that_is_found(records: list[ImageRecord], filter: Filter, query: Query) -> None:
    found, query = service(*records), replace(query, filter=filter)
    passing = {one.id: one for one in records if (INDEXED & filter).matches(to_payload(one))}
    groups: Counter[str] = Counter()
    for one in passing.values():
        jpeg = passing.get(one.pair_id or "") if one.is_raw_of_pair else None
        groups[(jpeg or one).content_hash or ""] += 1
    result = found.search(query)
    assert {hit.record.content_hash: hit.copies for hit in result.hits} == groups
    assert len(result.hits) == len(groups) and result.total == len(passing) == sum(groups.values())
    pages = [found.search(replace(query, limit=2, offset=start)).hits for start in range(0, 10, 2)]
    assert [hit.record.id for page in pages for hit in page] == [hit.record.id for hit in result.hits]
    copies = found.search(replace(query, filter=filter & Filter(all=(Match("content_hash", ("j1",)),))))
    assert len(copies.hits) == copies.total  # whoever asks for copies sees each
