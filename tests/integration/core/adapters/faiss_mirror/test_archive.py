"""A copy that travels in one file: packed, checked, taken in whole or not at all."""

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.adapters.faiss_mirror.archive import tar_format, transfer
from core.adapters.faiss_mirror.archive.transfer import export, import_file
from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.manifest import NAME_ORDER
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.errors import ArchiveRefused, DiskFull, LibraryError, MirrorDamaged, MirrorMissing
from core.ports.vector_index import IndexInfo
from tests.support.fakes import MemoryIndex, MemoryThumbnails
from tests.support.index_queries import nearest
from tests.support.made_up_images import DIMENSION, image_id, point, vector

INFO = IndexInfo("colours", "colours-1", DIMENSION)
JPEG = b"\xff\xd8\xff thumbnail "


@pytest.fixture
def library() -> MemoryIndex:
    return _library()


def _library() -> MemoryIndex:
    index = MemoryIndex(INFO)
    index.upsert([point(n, "a red car" if n % 3 else None) for n in range(1, 31)])
    return index


@pytest.fixture
def folder(tmp_path: Path, library: MemoryIndex) -> MirrorFolder:
    return _mirrored(library, tmp_path / "mirror")


def _mirrored(library: MemoryIndex, path: Path) -> MirrorFolder:
    """A mirror in several segments, of some of which pictures were deleted."""
    folder = MirrorFolder(path)
    build(library, folder, "float32", rows=8)
    library.delete([image_id(4), image_id(9)])
    build(library, folder, "float32", rows=8)
    return folder


@pytest.fixture(scope="module")
def thumbnails() -> MemoryThumbnails:
    """Of every other picture, and of one that is not in the library any more."""
    store = MemoryThumbnails()
    for n in range(2, 31, 2):
        store.put(image_id(n), JPEG + str(n).encode())
    return store


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, thumbnails: MemoryThumbnails) -> bytes:
    """The bytes of a file that such a mirror was packed into."""
    place = tmp_path_factory.mktemp("original")
    export(_mirrored(_library(), place / "mirror"), place / "copy.tar", thumbnails)
    return (place / "copy.tar").read_bytes()


@pytest.fixture
def packed(tmp_path: Path, original: bytes) -> Path:
    (tmp_path / "copy.tar").write_bytes(original)
    return tmp_path / "copy.tar"


@pytest.fixture
def elsewhere(tmp_path: Path) -> MirrorFolder:
    return MirrorFolder(tmp_path / "laptop" / "data" / "mirror")


def _equal(library: MemoryIndex, folder: MirrorFolder) -> bool:
    mirror = FaissMirror(folder.folder, threads=1)
    same = mirror.scroll() == library.scroll() and [hit.record for hit in nearest(mirror, vector(3), limit=99)] == [
        hit.record for hit in nearest(library, vector(3), limit=99)
    ]
    mirror.close()
    return same


def _members(path: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    found = []
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            held = tar.extractfile(info)
            found.append((info, held.read() if held else b""))
    return found


def _sealed(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """Writes a file of these members with the seal of them, as somebody would who means ill."""
    with path.open("wb") as file:
        hashed = tar_format._HashingFile(file)
        tar = tarfile.open(fileobj=hashed, mode="w", format=tarfile.GNU_FORMAT)  # type: ignore[call-overload]
        for info, data in members:
            if info.name == "seal":
                data = hashed.digest.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        tar.close()


def test_what_was_packed_is_taken_in_as_it_was(
    library: MemoryIndex, packed: Path, elsewhere: MirrorFolder, thumbnails: MemoryThumbnails
) -> None:
    library.delete([image_id(4), image_id(9)])
    taken = MemoryThumbnails()
    told = import_file(packed, elsewhere, taken)
    assert _equal(library, elsewhere)
    assert elsewhere.verify() == [("generation-00000001", None)]
    assert (told.manifest.name, told.manifest.points, told.manifest.imported) == ("generation-00000001", 28, True)
    wanted = {record.id: thumbnails.get(record.id) for record in library.scroll()}
    assert {one: taken.get(one) for one in taken.ids()} == {one: jpeg for one, jpeg in wanted.items() if jpeg}
    assert told.thumbnails == 14


def test_it_is_as_old_as_the_copy_was(
    library: MemoryIndex, folder: MirrorFolder, packed: Path, elsewhere: MirrorFolder
) -> None:
    build(library, folder, "float32", rows=8)  # nothing changed: the same generation, known to be fresh
    was = FaissMirror(folder.folder, threads=1).as_of
    export(folder, packed, None)
    told = import_file(packed, elsewhere, MemoryThumbnails())
    assert told.thumbnails == 0
    assert FaissMirror(elsewhere.folder, threads=1).as_of == was > told.manifest.created_at


def test_another_one_becomes_the_next_generation_and_the_last_two_stay(packed: Path, elsewhere: MirrorFolder) -> None:
    for n in range(1, 4):
        assert import_file(packed, elsewhere, MemoryThumbnails()).manifest.name == f"generation-{n:08}"
    assert [path.name for path in elsewhere.candidates()] == ["generation-00000003", "generation-00000002"]
    assert [problem for _, problem in elsewhere.verify()] == [None, None]


def test_a_library_that_is_made_beside_it_takes_nothing_from_it_for_its_own(
    packed: Path, elsewhere: MirrorFolder
) -> None:
    """Its pictures may have the same ids, and by chance the same versions."""
    import_file(packed, elsewhere, MemoryThumbnails())
    other = MemoryIndex(INFO)
    other.upsert([point(n, "a blue dog") for n in range(1, 31)])
    build(other, elsewhere, "float32", rows=8)
    assert _equal(other, elsewhere)


def test_a_damaged_generation_is_passed_over_and_none_that_is_sound_is_said(
    folder: MirrorFolder, packed: Path, elsewhere: MirrorFolder, tmp_path: Path
) -> None:
    newest, before = folder.candidates()
    file = next(newest.rglob("image.faiss"))
    file.write_bytes(file.read_bytes()[:-1])
    export(folder, packed, None)
    assert import_file(packed, elsewhere, MemoryThumbnails()).manifest.points == 30
    file = next(before.rglob("columns.arrow"))
    file.write_bytes(file.read_bytes()[:-1])
    kept = packed.read_bytes()
    with pytest.raises(MirrorDamaged):
        export(folder, packed, None)
    assert packed.read_bytes() == kept
    with pytest.raises(MirrorMissing):
        export(MirrorFolder(tmp_path / "none"), packed, None)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    *[lambda data, random: _flipped(data, random.randrange(len(data)))] * 14,
    *[lambda data, random: data[: random.randrange(len(data))]] * 6,
    lambda data, random: data[:-1],
    lambda data, random: data[: -tarfile.BLOCKSIZE],
    lambda data, random: data + b"\0" * tarfile.BLOCKSIZE,
    lambda data, random: data + data,
    lambda data, random: data[tarfile.BLOCKSIZE :],
    lambda data, random: _flipped(data, len(data) - 1),
    lambda data, random: _flipped(data, data.rindex(b"seal\0")),
    lambda data, random: data.replace(JPEG, JPEG[:-1] + b"!", 1),
    lambda data, random: data.replace(b"/columns.arrow", b"/columnz.arrow", 1),
    lambda data, random: b"",
    lambda data, random: b"\x89PNG\r\n\x1a\n" + data,
    lambda data, random: random.randbytes(30_000),
]


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory, original: bytes) -> tuple[MirrorFolder, MemoryThumbnails]:
    place = tmp_path_factory.mktemp("taken")
    (place / "copy.tar").write_bytes(original)
    folder, store = MirrorFolder(place / "mirror"), MemoryThumbnails()
    import_file(place / "copy.tar", folder, store)
    return folder, store


@pytest.mark.parametrize("n", range(len(MUTATIONS)))
def test_whatever_is_changed_on_the_way_it_is_refused_and_what_was_there_stays(
    packed: Path, original: bytes, taken_in: tuple[MirrorFolder, MemoryThumbnails], n: int
) -> None:
    folder, store = taken_in

    def there() -> object:
        return sorted(folder.folder.rglob("*")), folder.pointer.read_bytes(), sorted(store.ids())

    before = there()
    packed.write_bytes(MUTATIONS[n](original, random.Random(n)))
    assert packed.read_bytes() != original
    with pytest.raises(ArchiveRefused, match=r"carry it over again|export the mirror"):
        import_file(packed, folder, store)
    assert there() == before
    assert folder.verify() == [("generation-00000001", None)]


NAMES = ["../../outside", "/outside", "mirror/../../../outside", "thumbnails/../../outside.jpg", "mirror/other.npy"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_outside_though_its_seal_is_right(
    packed: Path, elsewhere: MirrorFolder, tmp_path: Path, name: str
) -> None:
    members = _members(packed)
    members.insert(-1, (tarfile.TarInfo(name), b"x"))
    _refused(packed, members, elsewhere, "does not belong there")
    assert not list(tmp_path.rglob("outside*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_folders_and_devices_are_refused(packed: Path, elsewhere: MirrorFolder, kind: bytes) -> None:
    members = _members(packed)
    info = tarfile.TarInfo(f"thumbnails/{image_id(99)}.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    members.insert(-1, (info, b""))
    _refused(packed, members, elsewhere, "is no plain file")


def test_files_twice_or_out_of_order_are_refused(packed: Path, elsewhere: MirrorFolder) -> None:
    members = _members(packed)
    _refused(packed, [*members[:-1], members[-2], members[-1]], elsewhere, "does not belong there")
    _refused(packed, [members[0], members[1], members[2], *members[2:]], elsewhere, "does not belong there")


@pytest.mark.parametrize("evil", ["../../outside", "segment-0123456789ab/../../x.npy", "/etc/x.npy", "segment-x"])
def test_names_in_the_manifest_do_not_lead_outside(packed: Path, elsewhere: MirrorFolder, evil: str) -> None:
    members = _members(packed)
    told = json.loads(members[1][1])
    del told["sha256"]
    told["files"][evil] = {"size": 1, "sha256": "0" * 64}
    told["segments"].append({"name": evil, "rows": 1, "live": 1})
    members[1] = (members[1][0], json.dumps(told | {"sha256": _digest(told)}).encode())
    _refused(packed, members, elsewhere, "files that a mirror does not have")


def test_a_file_that_is_not_what_the_manifest_tells_is_refused(packed: Path, elsewhere: MirrorFolder) -> None:
    members = _members(packed)
    n = next(n for n, (info, _) in enumerate(members) if info.name.endswith("image.faiss"))
    members[n] = (members[n][0], members[n][1][:-1] + b"?")
    _refused(packed, members, elsewhere, "not what was written")
    members[n] = (members[n][0], members[n][1] + b"?")
    _refused(packed, members, elsewhere, "another size")


def test_an_order_of_other_names_is_refused(packed: Path, elsewhere: MirrorFolder) -> None:
    members = _members(packed)
    n = next(n for n, (info, _) in enumerate(members) if info.name.endswith(NAME_ORDER))
    order = io.BytesIO()
    np.save(order, np.full(30, 99, np.int32))
    told = json.loads(members[1][1])
    del told["sha256"]
    told["files"][NAME_ORDER] = {"size": order.tell(), "sha256": hashlib.sha256(order.getvalue()).hexdigest()}
    members[1] = (members[1][0], json.dumps(told | {"sha256": _digest(told)}).encode())
    members[n] = (members[n][0], order.getvalue())
    _refused(packed, members, elsewhere, "cannot be opened")


def test_one_of_a_later_version_is_refused_with_what_to_do(packed: Path, elsewhere: MirrorFolder) -> None:
    members = _members(packed)
    head = json.loads(members[0][1]) | {"format": 2}
    members[0] = (members[0][0], json.dumps(head).encode())
    _refused(packed, members, elsewhere, "update BucketLens")


def _refused(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], folder: MirrorFolder, why: str) -> None:
    _sealed(path, members)
    store = MemoryThumbnails()
    with pytest.raises(ArchiveRefused, match=why):
        import_file(path, folder, store)
    assert not list(store.ids()) and not folder.candidates()
    assert not list(folder.folder.glob(".building"))


def _digest(told: dict[str, object]) -> str:
    from core.adapters.faiss_mirror.manifest import _digest as digest

    return digest(told)


def test_room_is_looked_for_first(
    folder: MirrorFolder, packed: Path, elsewhere: MirrorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(place: Path, growth: int = 0) -> None:
        raise DiskFull(place, 1, growth)

    monkeypatch.setattr(transfer, "check_free_space", full)
    with pytest.raises(DiskFull):
        import_file(packed, elsewhere, MemoryThumbnails())
    assert not elsewhere.folder.exists()
    with pytest.raises(DiskFull):
        export(folder, packed.with_name("other.tar"), None)
    assert not list(packed.parent.glob("*other.tar*"))


def test_where_it_cannot_be_written_or_read_is_said(folder: MirrorFolder, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="cannot be written"):
        export(folder, tmp_path / "no" / "such" / "folder.tar", None)
    for place in (tmp_path / "none.tar", tmp_path):
        with pytest.raises(ArchiveRefused, match="cannot be read"):
            import_file(place, MirrorFolder(tmp_path / "there"), MemoryThumbnails())


def test_a_file_that_was_damaged_while_it_was_packed_is_not_left_behind(folder: MirrorFolder, tmp_path: Path) -> None:
    generation = folder.candidates()[0]
    check = folder.check

    def check_and_damage(path: Path, *, again: bool = False) -> object:
        found = check(path, again=again)
        file = next(path.rglob("image.faiss"))
        file.write_bytes(b"?" + file.read_bytes()[1:])
        return found

    folder.check = check_and_damage  # type: ignore[assignment,method-assign]
    with pytest.raises(LibraryError, match="not what was written"):
        export(folder, tmp_path / "copy.tar", None)
    assert generation.is_dir() and not list(tmp_path.glob("*copy.tar*"))
