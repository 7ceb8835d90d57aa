"""Matching in a listing that streams by: the same as with the whole folder in view."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from core.adapters.stores.listing.sidecar_matcher import Listed, match_companions
from core.domain.file_rules import no_picture
from core.domain.image import ImageRef
from core.domain.sidecars import FolderNames
from core.errors import StoreError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "a very long name that a phone gave to this one picture"
NAMES = [
    *(f"IMG_{number}.{suffix}" for number in range(30) for suffix in ("CR2", "JPG", "xmp")),
    *(f"IMG_{number}.JPG.json" for number in range(0, 30, 3)),
    *(f"IMG_{number}-edited.JPG" for number in range(0, 30, 3)),
    *(f"shot({number}).png" for number in range(1, 9)),
    *(f"shot.png({number}).json" for number in range(1, 9)),
    *("shot.png", "shot.png.supplemental-metadata.json", "PXL_1.RAW-01.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng"),
    *("2019.07.14 party.jpg", "2019.07.14 party.xmp", "2019.07.15.jpg", "alone.json", "notes.txt"),
    *(
        f"{LONG[:47]}.jpg",
        f"{LONG[:46]}.json",
        f"{LONG[:47]}-edited.jpg",
        f"{LONG[:47]}(1).jpg",
        f"{LONG[:46]}(1).json",
    ),
]


def listing(keys: list[str]) -> Iterator[Listed]:
    for key in sorted(keys, key=str.encode):
        name = key.rpartition("/")[2]
        ref = ImageRef("s3://b/", key, f"s3://b/{key}", '"1"', 1, NOW) if no_picture(name.encode()) is None else None
        yield Listed(key, '"1"', ref)


def test_it_finds_what_a_whole_folder_shows() -> None:
    keys = [folder + name for folder in ("", "a/", "a/IMG_1/", "b/") for name in NAMES]
    passed_over: list[str] = []
    found = list(match_companions(listing(keys), lambda entry: passed_over.append(entry.key)))
    assert [ref.key for ref in found] == sorted((ref.key for ref in found), key=str.encode)
    whole = FolderNames(NAMES)
    for ref in found:
        folder, slash, name = ref.key.rpartition("/")
        companions = whole.companions(name)
        pair = None if companions.pair is None else folder + slash + companions.pair
        assert (ref.sidecars, ref.pair) == (tuple(folder + slash + each for each in companions.sidecars), pair), ref.key
        assert (";sidecars=" in ref.etag) == bool(companions.sidecars)
    assert sorted(key.rpartition("/")[2] for key in passed_over) == ["alone.json"] * 4 + ["notes.txt"] * 4
    assert sum(bool(ref.sidecars) for ref in found) > 200


def test_an_image_comes_as_soon_as_nothing_can_belong_to_it() -> None:
    seen: list[str] = []

    def watched() -> Iterator[Listed]:
        for entry in listing(["1.jpg", "1.jpg.xmp", "2.jpg", "3.jpg"]):
            seen.append(entry.key)
            yield entry

    found = match_companions(watched(), lambda entry: None)
    assert next(found).key == "1.jpg" and seen == ["1.jpg", "1.jpg.xmp", "2.jpg"]


def test_no_more_than_so_many_wait() -> None:
    read = defaultdict(int)

    def counted() -> Iterator[Listed]:
        for entry in listing([f"shot({number:03d}).png" for number in range(500)]):
            read["listed"] += 1
            yield entry

    for ref in match_companions(counted(), lambda entry: None, most=20):
        read["out"] += 1
        assert read["listed"] - read["out"] <= 21, ref.key
    assert read["out"] == 500


def test_of_many_names_with_one_long_start_few_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []

    def counting(names: Iterable[str]) -> FolderNames:
        looked_at.append(len(given := list(names)))
        return FolderNames(given)

    monkeypatch.setattr("core.adapters.stores.listing.sidecar_matcher.FolderNames", counting)
    keys = [f"{'long' * 12}{number:04d}.jpg{suffix}" for number in range(600) for suffix in ("", ".xmp")]
    found = list(match_companions(listing(keys), lambda entry: None, most=20))
    assert [ref.sidecars for ref in found] == [(f"{ref.key}.xmp",) for ref in found] and len(found) == 600
    assert max(looked_at) <= 60


def test_what_was_listed_before_a_failure_comes_first() -> None:
    def broken() -> Iterator[Listed]:
        yield from listing(["1.jpg", "2.jpg", "2.jpg.xmp"])
        raise StoreError("broken off")

    found = match_companions(broken(), lambda entry: None)
    assert [(ref.key, ref.sidecars) for ref in (next(found), next(found))] == [("1.jpg", ()), ("2.jpg", ("2.jpg.xmp",))]
    with pytest.raises(StoreError, match="broken off"):
        next(found)
