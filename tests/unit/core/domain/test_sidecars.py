"""Which names of a folder belong together."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.domain.image import ImageRef
from core.domain.sidecars import (
    Companions,
    FolderNames,
    add_companions,
    bare_etag,
    carry_companions,
    common_start,
    mark_unread,
)

LONG = "a very long name that a phone gave to this one picture"
REF = ImageRef("file:///p", "a/1.jpg", "file:///p/a/1.jpg", "17-a", 10, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [
        ("IMG_1.jpg", "IMG_1.xmp"),
        ("IMG_1.CR2", "IMG_1.XMP"),
        ("IMG_1.jpg", "IMG_1.jpg.xmp"),
        ("IMG_1.jpg", "IMG_1.JPG.xmp"),
        ("2019.07.14 party.jpg", "2019.07.14 party.xmp"),
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.JPG", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-me.json"),
        ("IMG_1.jpg", "IMG_1.jpg.s.json"),
        ("IMG_1.jpg", "IMG_1.jpg..json"),
        ("IMG_1(1).jpg", "IMG_1.jpg(1).json"),
        ("IMG_1(12).jpg", "IMG_1.jpg.supplemental-metadata(12).json"),
        ("IMG_1(1).jpg", "IMG_1(1).jpg.json"),
        ("IMG_1-edited.jpg", "IMG_1.jpg.json"),
        ("IMG_1-bearbeitet.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1-edited(1).jpg", "IMG_1.jpg(1).json"),
        (f"{LONG[:47]}.jpg", f"{LONG[:46]}.json"),
        (f"{LONG[:47]}(1).jpg", f"{LONG[:46]}(1).json"),
        (f"{LONG[:47]}-edited.jpg", f"{LONG[:46]}.json"),
        (f"{LONG[:41]}.jpg", f"{LONG[:41]}.jpg..json"),
        (f"{'é' * 30}.jpg", f"{'é' * 23}.json"),
    ],
)
def test_a_sidecar_finds_its_picture(picture: str, sidecar: str) -> None:
    names = FolderNames([sidecar, picture, "other.jpg", "other(1).jpg"])
    assert names.companions(picture).sidecars == (sidecar,) and names.is_sidecar(sidecar)
    assert names.companions("other.jpg") == Companions()
    assert common_start(picture) == common_start(sidecar) != common_start("other.jpg")
    assert FolderNames([picture]).find_owners(sidecar) == (picture,)  # as where it was deleted


@pytest.mark.parametrize(
    ("pictures", "sidecar"),
    [
        (["IMG_1.jpg"], "IMG_1.jpg(1).json"),
        (["IMG_1(1).jpg"], "IMG_1.jpg.json"),
        (["IMG_1.jpg"], "IMG_10.xmp"),
        (["IMG_1.jpg"], "IMG_1.png.xmp"),
        (["IMG_1.jpg"], "metadata.json"),
        ([f"{LONG[:46]}s.jpg", f"{LONG[:46]}t.jpg"], f"{LONG[:46]}.json"),  # it might be of either
        (["IMG_1.mp4"], "IMG_1.mp4.json"),
    ],
)
def test_what_only_looks_like_a_sidecar(pictures: list[str], sidecar: str) -> None:
    names = FolderNames([*pictures, sidecar])
    assert not names.is_sidecar(sidecar)
    assert all(names.companions(picture) == Companions() for picture in pictures)


def test_an_xmp_of_a_stem_is_of_all_its_pictures_and_the_nearer_one_comes_first() -> None:
    names = FolderNames(["IMG_1.CR2", "IMG_1.JPG", "IMG_1.xmp", "IMG_1.JPG.xmp", "img_1.jpg.json"])
    assert names.companions("IMG_1.CR2") == Companions(("IMG_1.xmp",), "IMG_1.JPG")
    assert names.companions("IMG_1.JPG") == Companions(("IMG_1.JPG.xmp", "IMG_1.xmp", "img_1.jpg.json"), "IMG_1.CR2")


def test_where_names_differ_in_case_alone_the_equal_one_is_meant() -> None:
    names = FolderNames(["img_1.jpg", "IMG_1.JPG", "IMG_1.xmp", "img_1.CR2"])
    assert names.companions("IMG_1.JPG") == Companions(("IMG_1.xmp",))
    assert names.companions("img_1.jpg") == Companions((), "img_1.CR2")


@pytest.mark.parametrize(
    ("raw", "other"),
    [
        ("A.CR3", "A.HEIC"),
        ("a.nef", "A.JPG"),
        ("a.dng", "a.jpeg"),
        ("a.RAF", "a.HIF"),
        ("PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-01.COVER.jpg"),
        ("PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-01.MP.COVER.jpg"),
    ],
)
def test_raw_and_developed_are_a_pair(raw: str, other: str) -> None:
    names = FolderNames([raw, other])
    assert names.companions(raw).pair == other and names.companions(other).pair == raw
    assert common_start(raw).lower() == common_start(other).lower()


@pytest.mark.parametrize("names", [["a.CR2", "b.jpg"], ["a.CR2", "a.png"], ["a.jpg", "a.heic"], ["a.CR2", "a.NEF"]])
def test_others_are_no_pair(names: list[str]) -> None:
    assert all(FolderNames(names).companions(name).pair is None for name in names)


def test_of_several_one_pair_is_made() -> None:
    names = FolderNames(["a.CR2", "a.dng", "a.jpg"])
    pairs = {name: names.companions(name).pair for name in ("a.CR2", "a.dng", "a.jpg")}
    assert pairs == {"a.CR2": "a.jpg", "a.dng": None, "a.jpg": "a.CR2"}


def test_an_etag_follows_the_sidecars() -> None:
    found = Companions(("1.xmp", "1.jpg.json"), "1.CR2")
    etags = {"1.xmp": "a", "1.jpg.json": "b"}
    ref = add_companions(REF, found, etags, "a/".__add__)
    assert (ref.sidecars, ref.pair) == (("a/1.xmp", "a/1.jpg.json"), "a/1.CR2")
    assert ref.etag != REF.etag and bare_etag(ref.etag) == REF.etag
    changed = add_companions(REF, found, etags | {"1.xmp": "c"}, "a/".__add__)
    fewer = add_companions(REF, found, {"1.xmp": "a"}, "a/".__add__)
    assert len({ref.etag, changed.etag, fewer.etag}) == 3
    assert add_companions(REF, Companions((), "1.CR2"), {}, "a/".__add__).etag == REF.etag


def test_a_picture_that_was_replaced_keeps_what_was_listed_beside_it() -> None:
    old = add_companions(REF, Companions(("1.xmp",), "1.CR2"), {"1.xmp": "a"}, "a/".__add__)
    new = carry_companions(old, replace(REF, etag="18-b", bytes=11))
    assert (new.sidecars, new.pair, new.bytes) == (old.sidecars, old.pair, 11)
    assert new.etag == old.etag.replace("17-a", "18-b")
    assert carry_companions(REF, replace(REF, etag="18-b")).etag == "18-b"


def test_unread_sidecars_are_tried_again() -> None:
    ref = add_companions(REF, Companions(("1.xmp",)), {"1.xmp": "a"}, "a/".__add__)
    assert mark_unread(ref).etag not in (ref.etag, REF.etag) and bare_etag(mark_unread(ref).etag) == REF.etag
