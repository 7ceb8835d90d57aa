"""What is in a tar: pictures and captions, odd members, damages; and how few bytes are read to know."""

import io
import json
import random
import tarfile
from typing import Any

import pytest

from core.adapters.shards.range_reader import ReadAhead
from core.adapters.shards.tar_index import TarIndex, index_tar, read_captions

Members = list[tuple[str, bytes]]


def make_tar(members: Members, **options: Any) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", **options) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


class Source:
    """Bytes that are read by ranges; `reads` are those ranges."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, length: int) -> bytes:
        assert length > 0 and start + length <= len(self.data)
        self.reads.append((start, length))
        return self.data[start : start + length]

    def index(self, window: tuple[int, int] = (2**14, 2**14)) -> TarIndex:
        return index_tar(ReadAhead(self.read, len(self.data), window=window), len(self.data))


def index(data: bytes) -> TarIndex:
    return Source(data).index()


def names(found: TarIndex) -> list[str]:
    return [member.name for member in found.members]


def sample(number: int, size: int = 900) -> Members:
    fields = json.dumps({"caption": f"picture {number}", "url": "http://x/y", "width": None})
    key = f"{number:09d}"
    data = random.Random(number).randbytes(size)
    return [(f"{key}.jpg", data), (f"{key}.json", fields.encode()), (f"{key}.txt", f"picture {number}".encode())]


def many(count: int, size: int = 900) -> Members:
    return [member for number in range(count) for member in sample(number, size)]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_picture_is_found_with_its_place_and_its_captions(format: int) -> None:
    long = "folder/" * 40 + "ä long name.png"
    members = [*many(3), ("a/b.c/1.seg.png", b"seg"), ("./2.webp", b""), ("3", b"no suffix")]
    members += [] if format == tarfile.USTAR_FORMAT else [(long, b"long")]
    data = make_tar(members, format=format)
    found = index(data)
    assert found.problem is None and not found.ignored
    wanted = {name.removeprefix("./"): body for name, body in members if not name.endswith((".json", ".txt"))}
    assert {each.name: data[each.start : each.start + each.size] for each in found.members} == wanted
    assert [each.captions for each in found.members[:4]] == [("picture 0",), ("picture 1",), ("picture 2",), ()]
    assert found.members[0].modified == 1_700_000_000


def test_captions_are_found_wherever_they_stand_in_the_tar() -> None:
    members = [("t/1.txt", b"first"), *[(f"t/{n}.jpg", b"x") for n in (1, 2)], ("t/2.json", b'{"caption": "second"}')]
    assert [each.captions for each in index(make_tar(members)).members] == [("first",), ("second",)]


@pytest.mark.parametrize(
    ("kind", "data", "captions"),
    [
        ("txt", b"\xef\xbb\xbf a red car \n", ["a red car"]),
        ("txt", b"  ", []),
        ("txt", b"caf\xe9", ["caf�"]),
        ("json", b'{"caption": null, "url": "http://x"}', []),
        ("json", b'{"captions": ["a", "b", 3], "alt_text": "c", "status": "success"}', ["a", "b", "c"]),
        ("json", b'{"caption": "\\ud83d half"}', ["? half"]),
        ("json", b'["caption"]', []),
        ("json", b"{", []),
        ("json", b"[" * 100_000, []),
    ],
)
def test_captions_of_a_sample(kind: str, data: bytes, captions: list[str]) -> None:
    assert read_captions(kind, data) == captions


def test_what_is_no_picture_is_passed_over_and_a_name_is_only_data() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind in (
            ("link.jpg", tarfile.SYMTYPE),
            ("hard.jpg", tarfile.LNKTYPE),
            ("pipe.jpg", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        folder = tarfile.TarInfo("folder.jpg")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name in ("1.cls", "1.npy", "1.mp4", ".hidden.jpg", "__MACOSX/1.jpg", "../../up.jpg", "/root.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
    found = index(file.getvalue())
    assert names(found) == ["../../up.jpg", "/root.jpg"] and found.problem is None
    assert found.ignored == {
        "links within a tar are not followed": 2,
        "no regular file": 1,
        ".cls files are no pictures": 1,
        ".npy files are no pictures": 1,
        ".mp4 files are no pictures": 1,
    }


def test_a_name_that_is_no_unicode_and_one_that_comes_twice() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for name, data in (("a\udcff.jpg", b"1"), ("b.jpg", b"old"), ("b.jpg", b"newer")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = index(file.getvalue())
    assert [(each.name, each.size) for each in found.members] == [("a\udcff.jpg", 1), ("b.jpg", 5)]


def test_what_stands_before_a_damage_is_kept_and_the_damage_is_told() -> None:
    whole = make_tar(many(4))
    clean = names(index(whole))
    third = index(whole).members[2].start - 512
    broken = whole[:third] + b"\xaa" * 512 + whole[third + 512 :]
    zeroed = whole[:third] + bytes(1024) + whole[third + 1024 :]
    for data, words in (
        (whole[: third + 700], "cut off"),
        (whole[: third + 100], "damaged"),
        (broken, f"damaged at byte {third:,}"),
        (zeroed, f"goes on behind its end mark at byte {third:,}"),
        (whole + whole, "goes on behind its end mark"),
    ):
        found = index(data)
        assert names(found) == (clean if data.startswith(whole) else clean[:2])
        assert found.problem is not None and words in found.problem
    assert index(whole[:third]).problem is None  # without an end mark, as some writers leave it


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<html>" * 500, "is no tar"),
        (b"\x1f\x8b" + bytes(600), "compressed with gzip"),
        (b"(\xb5/\xfd" + bytes(600), "compressed with zstd"),
        (bytes(2**21), "goes on behind its end mark"),
    ],
)
def test_what_is_no_tar_is_told(data: bytes, words: str) -> None:
    found = index(data)
    assert not found.members and found.problem is not None and words in found.problem


def test_a_header_that_claims_gigabytes_is_not_read() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2**32
    source = Source(info.tobuf() + random.Random(1).randbytes(2**23))
    found = source.index()
    assert not found.members and found.problem is not None
    assert sum(length for _, length in source.reads) < 2**20


def test_any_mutation_of_a_tar_ends_in_an_index() -> None:
    whole = make_tar(many(3, 300), format=tarfile.PAX_FORMAT)
    draw = random.Random(5)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        found = index(bytes(data[: draw.choice((len(data), draw.randrange(len(data))))]))
        assert all(each.start + each.size <= len(data) for each in found.members)


def test_small_pictures_are_read_in_sequence_and_large_ones_are_jumped_over() -> None:
    small = Source(make_tar(many(300, 20_000)))
    assert len(small.index((2**16, 2**23)).members) == 300
    assert len(small.reads) <= 8 and sum(length for _, length in small.reads) <= len(small.data)
    large = Source(make_tar(many(8, 2**21)))
    assert len(large.index((2**16, 2**23)).members) == 8
    assert len(large.reads) <= 17 and sum(length for _, length in large.reads) < len(large.data) / 4
