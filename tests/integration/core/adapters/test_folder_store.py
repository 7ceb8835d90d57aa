"""Folders on a real disk: which files count, under which names, and what cannot be listed or read."""

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest

from core.adapters.stores.folder import FolderStore
from core.errors import ImageGone, ImageTooLarge, ImageUnavailable, SourceNotFound, StoreError
from core.ports.image_store import EXCLUDED

AS_ROOT = os.geteuid() == 0


def keys(folder: Path, **options: object) -> list[str]:
    return [ref.key for ref in FolderStore(folder, max_bytes=1000, **options).list()]


def write(folder: Path, *names: str, data: bytes = b"x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_a_reference_holds_what_the_disk_says(tmp_path: Path) -> None:
    write(tmp_path, "sub/ä b.jpg", data=b"12345")
    os.utime(tmp_path / "sub/ä b.jpg", ns=(10**18, 10**18 + 1500))
    store = FolderStore(tmp_path, max_bytes=1000)
    (ref,) = store.list()
    assert (store.source, ref.source) == (f"file://{tmp_path}", store.source)
    assert (ref.key, ref.uri, ref.bytes) == ("sub/ä b.jpg", f"file://{tmp_path}/sub/%C3%A4%20b.jpg", 5)
    assert ref.etag == f"{10**18 + 1500:x}-5"
    assert ref.modified_at == datetime(2001, 9, 9, 1, 46, 40, 1, tzinfo=UTC)
    assert store.read(ref) == b"12345"


def test_the_source_is_the_same_however_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    named = [
        ".",
        str(folder),
        f"{folder}/",
        str(tmp_path / "link"),
        f"file://{tmp_path}/a%20b",
        f"file://localhost{folder}",
    ]
    assert {FolderStore(name, max_bytes=1).source for name in named} == {f"file://{tmp_path}/a%20b"}


def test_the_order_is_that_of_names_folder_by_folder(tmp_path: Path) -> None:
    write(tmp_path, "b.png", "a.png", "z/1.png", "c/2.png", "c/d/3.png", "c/1.png")
    assert keys(tmp_path) == ["a.png", "b.png", "c/1.png", "c/2.png", "c/d/3.png", "z/1.png"]


def test_plain_non_pictures_are_counted_and_everything_else_is_tried(tmp_path: Path) -> None:
    write(tmp_path, "a.JPG", "b.heic", "c.psd", "no suffix", "d.xyz", "fff0798-5")
    write(tmp_path, "notes.txt", "film.MP4", "Thumbs.db", "LICENSE", ".hidden.jpg", ".git/x.jpg", "@eaDir/t.jpg")
    store = FolderStore(tmp_path, max_bytes=1000)
    assert [ref.key for ref in store.list()] == ["a.JPG", "b.heic", "c.psd", "d.xyz", "fff0798-5", "no suffix"]
    assert sum(store.ignored.values()) == 4 and store.ignored[".txt files are no pictures"] == 1
    list(store.list())
    assert sum(store.ignored.values()) == 4


def test_the_library_is_not_a_picture_of_itself(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "data/thumbnails/b.jpg")
    assert keys(tmp_path, exclude=[tmp_path / "data", tmp_path / "not there"]) == ["a.png"]
    with pytest.raises(SourceNotFound, match="own folder"):
        FolderStore(tmp_path / "data", max_bytes=1, exclude=[tmp_path / "data"])


def test_links_to_files_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    write(inside, "a.png", "sub/b.png")
    write(outside, "c.png", "deep/d.png")
    (inside / "file.png").symlink_to(outside / "c.png")
    (inside / "broken.png").symlink_to(tmp_path / "nothing")
    (inside / "loop").symlink_to(inside)
    (inside / "up").symlink_to(tmp_path)
    (inside / "again").symlink_to(inside / "sub")
    (inside / "other").symlink_to(outside)
    (inside / "other too").symlink_to(outside)
    (outside / "back").symlink_to(inside)
    (outside / "self").symlink_to(outside)
    assert keys(inside) == ["a.png", "file.png", "other/c.png", "other/deep/d.png", "sub/b.png"]


def test_links_that_lead_nowhere_do_not_make_the_listing_incomplete(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    for name, target in (("self", "self"), ("behind a file", "a.png/b"), ("long", "x" * 300), ("broken", "nothing")):
        (tmp_path / name).symlink_to(target)
    store = FolderStore(tmp_path, max_bytes=1000)
    assert [ref.key for ref in store.list()] == ["a.png"]
    assert store.ignored == {"broken link, or deleted meanwhile": 4}


def test_the_root_folder_is_a_source_too() -> None:
    ref = next(FolderStore("/", max_bytes=1).list())
    assert (ref.source, ref.uri) == ("file:///", "file:///" + quote(os.fsencode(ref.key)))


def test_names_that_are_no_unicode_get_keys_that_are(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path)
    names = [
        b"caf\xe9.png",
        b"caf\xe8.png",
        b"caf%E9.png",
        "café.png".encode(),
        b"new\nline.png",
        b"%2F.png",
        b"a?#b.png",
    ]
    for name in names:
        with open(os.path.join(raw, name), "wb") as file:
            file.write(name)
    store = FolderStore(tmp_path, max_bytes=1000)
    refs = list(store.list())
    assert len({ref.key for ref in refs}) == len(names)
    assert {ref.key for ref in refs} >= {"./caf%E9.png", "caf%E9.png", "café.png", "new\nline.png"}
    for ref in refs:
        ref.key.encode()
        assert os.path.basename(unquote_to_bytes(ref.uri)) in names or b"%" in store.read(ref)
        assert unquote_to_bytes(ref.uri).endswith(store.read(ref))


def test_a_folder_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    for name in (tmp_path / "nothing", tmp_path / "a.png", "file://elsewhere/a"):
        with pytest.raises(SourceNotFound):
            FolderStore(str(name), max_bytes=1)


def test_a_folder_that_goes_away_before_listing(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    store = FolderStore(tmp_path / "gone", max_bytes=1)
    (tmp_path / "gone").rmdir()
    with pytest.raises(SourceNotFound):
        next(store.list())


def test_a_folder_that_goes_away_meanwhile_makes_the_listing_incomplete(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png", "c/3.png")
    listing = FolderStore(tmp_path, max_bytes=1).list()
    seen = [next(listing).key]
    shutil.rmtree(tmp_path / "b")
    with pytest.raises(StoreError, match=r"listed whole: b: No such file"):
        seen.extend(ref.key for ref in listing)
    assert seen == ["a/1.png", "c/3.png"]


@pytest.mark.skipif(AS_ROOT, reason="permissions do not hold for root")
def test_an_unreadable_folder_makes_the_listing_incomplete(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a").chmod(0)
    seen = []
    with pytest.raises(StoreError, match="Permission denied"):
        seen.extend(ref.key for ref in FolderStore(tmp_path, max_bytes=1).list())
    (tmp_path / "a").chmod(stat.S_IRWXU)
    assert seen == ["b/2.png"]


def test_reading_what_has_changed_since_it_was_listed(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png", "c.png", "d.png")
    store = FolderStore(tmp_path, max_bytes=10)
    gone, longer, pipe, folder = store.list()
    (tmp_path / "a.png").unlink()
    write(tmp_path, "b.png", data=bytes(11))
    (tmp_path / "c.png").unlink()
    os.mkfifo(tmp_path / "c.png")
    (tmp_path / "d.png").unlink()
    (tmp_path / "d.png").mkdir()
    with pytest.raises(ImageGone):
        store.read(gone)
    with pytest.raises(ImageTooLarge, match="11 bytes"):
        store.read(longer)
    for ref in (pipe, folder):
        with pytest.raises(ImageUnavailable):
            store.read(ref)
    assert [ref.key for ref in store.list()] == ["b.png"] and store.ignored["no regular file"] == 1


def test_a_file_that_pretends_to_be_empty_is_bounded_too(tmp_path: Path) -> None:
    (tmp_path / "endless.png").symlink_to("/proc/self/maps")  # says 0 bytes and holds more
    store = FolderStore(tmp_path, max_bytes=100)
    (ref,) = store.list()
    with pytest.raises(ImageTooLarge):
        store.read(ref)


def test_references_of_other_sources_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png")
    (ref,) = FolderStore(tmp_path / "a", max_bytes=10).list()
    with pytest.raises(ImageGone):
        FolderStore(tmp_path / "b", max_bytes=10).read(ref)


def test_a_library_that_is_made_after_the_store_is_left_out_too(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, max_bytes=100, exclude=[tmp_path / "data"])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thumbnail.jpg").write_bytes(b"x")
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert [ref.key for ref in store.list()] == ["a.jpg"]


def test_sidecars_and_pairs_are_found_folder_by_folder(tmp_path: Path) -> None:
    write(tmp_path, "IMG_1.CR2", "IMG_1.JPG", "IMG_1.xmp", "sub/IMG_1.JPG", "sub/IMG_1.jpg.json", "alone.xmp")
    write(tmp_path, ".IMG_1.JPG.xmp", "@eaDir/IMG_1.JPG.xmp")
    store = FolderStore(tmp_path, max_bytes=1000)
    found = {ref.key: ref for ref in store.list()}
    assert {key: (ref.sidecars, ref.pair) for key, ref in found.items()} == {
        "IMG_1.CR2": (("IMG_1.xmp",), "IMG_1.JPG"),
        "IMG_1.JPG": (("IMG_1.xmp",), "IMG_1.CR2"),
        "sub/IMG_1.JPG": (("sub/IMG_1.jpg.json",), None),
    }
    assert store.ignored == {".xmp files are no pictures": 1}  # that which belongs to nothing
    assert store.read_sidecar(found["sub/IMG_1.JPG"], "sub/IMG_1.jpg.json") == b"x"
    with pytest.raises(ImageGone):
        store.read_sidecar(found["IMG_1.JPG"], "gone.xmp")
    write(tmp_path, "big.xmp", data=bytes(2**20 + 1))
    with pytest.raises(ImageTooLarge):
        store.read_sidecar(found["IMG_1.JPG"], "big.xmp")


def test_names_that_are_no_unicode_have_sidecars_too(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9"
    for suffix in (b".jpg", b".xmp"):
        Path(os.fsdecode(raw + suffix)).write_bytes(b"x")
    store = FolderStore(tmp_path, max_bytes=1000)
    (ref,) = store.list()
    assert ref.sidecars == ("./caf%E9.xmp",) and store.read_sidecar(ref, ref.sidecars[0]) == b"x"


def test_a_changed_sidecar_stands_for_its_pictures(tmp_path: Path) -> None:
    write(tmp_path, "a.cr2", "a.jpg", "a.xmp", "b.jpg", "sub/c.jpg")
    store = FolderStore(tmp_path, max_bytes=1000)
    found = dict(store.look_up([os.fsencode(tmp_path / "a.xmp")]))
    assert found["a.xmp"] is None and {key for key, ref in found.items() if ref} == {"a.cr2", "a.jpg"}
    assert not any(ref.again for ref in found.values() if ref)
    listed = {ref.key: ref for ref in store.list()}
    assert found["a.jpg"] == listed["a.jpg"]
    (tmp_path / "a.cr2").unlink()
    found = dict(store.look_up([os.fsencode(tmp_path / "a.cr2"), os.fsencode(tmp_path / "sub/c.jpg")]))
    assert found["a.cr2"] is None and found["a.jpg"] is not None and found["a.jpg"].pair is None
    assert found["sub/c.jpg"] is not None and found["sub/c.jpg"].again


def test_patterns_leave_out_and_are_counted(tmp_path: Path) -> None:
    write(
        tmp_path, "a.jpg", "a.gif", "a.cr2", "raw/1.cr2", "raw/2.cr2", "raw/notes.txt", "raw/.x.jpg", "2019/raw/3.cr2"
    )
    write(tmp_path, "2019/b.jpg", "2019/b.xmp")
    store = FolderStore(tmp_path, max_bytes=1000, patterns=["*.gif", "/raw/", "*.xmp", "a.cr2"])
    found = {ref.key: ref for ref in store.list()}
    assert sorted(found) == ["2019/b.jpg", "2019/raw/3.cr2", "a.jpg"]
    assert found["a.jpg"].pair is None and found["2019/b.jpg"].sidecars == ()
    assert store.ignored[EXCLUDED] == 4
    paths = [os.fsencode(tmp_path / name) for name in ("a.gif", "raw", "raw/1.cr2", "2019/b.xmp", "2019")]
    assert sorted(key for key, ref in store.look_up(paths) if ref) == ["2019/b.jpg", "2019/raw/3.cr2"]


def test_a_photo_library_may_be_the_source(tmp_path: Path) -> None:
    library = tmp_path / "Photos Library.photoslibrary"
    write(library, "originals/A/1.heic", "resources/derivatives/1.jpeg", "database/Photos.sqlite")
    assert keys(library) == ["originals/A/1.heic"]
    paths = [os.fsencode(library / "resources/derivatives/1.jpeg"), os.fsencode(library / "originals/A/1.heic")]
    assert [key for key, _ in FolderStore(library, max_bytes=9).look_up(paths)] == ["originals/A/1.heic"]
