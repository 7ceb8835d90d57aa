"""Caption files of every published shape, and broken ones."""

import json
from pathlib import Path

import pytest

from core.errors import InvalidCaptionFile, UsageError
from ingest.captions import caption_files
from ingest.captions.caption_files import CaptionFileCache, read_captions

COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
    "annotations": [
        {"image_id": 8, "caption": "a bee"},
        {"image_id": 7, "caption": " an ant\n on a leaf "},
        {"image_id": 7, "caption": "an ant"},
        {"image_id": 99, "caption": "nobody"},
    ],
}
ANTS = {"a.jpg": ("an ant", "a red ant, in grass"), "b.jpg": ("a bee",)}


def read(tmp_path: Path, content: str | bytes, name: str = "captions") -> dict[str, tuple[str, ...]]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_captions(path).captions


def test_coco(tmp_path: Path) -> None:
    told = {"a.jpg": ("an ant on a leaf", "an ant"), "b.jpg": ("a bee",), "image_id 99": ("nobody",)}
    assert read(tmp_path, json.dumps(COCO), "named.csv") == told
    assert read(tmp_path, b"\xef\xbb\xbf\n " + json.dumps(COCO, indent=1).encode()) == told


@pytest.mark.parametrize(
    "content",
    [
        "a.jpg#0\tan ant\na.jpg#1\ta red ant, in grass\nb.jpg#0\ta bee\n",
        'image,caption\na.jpg,an ant\na.jpg,"a red ant, in grass"\nb.jpg,a bee\n',
        "image,caption\r\na.jpg,an ant\r\na.jpg,a red ant, in grass\r\n\r\nb.jpg,a bee",
        "image_name| comment_number| comment\na.jpg| 0| an ant\na.jpg| 1| a red ant, in grass\nb.jpg| 0| a bee\n",
        'caption,licence,file name\nan ant,CC,a.jpg\n"a red ant, in\n grass",CC,a.jpg\na bee,CC,b.jpg\n',
        "filename;caption_1;caption_2\na.jpg;an ant;a red ant, in grass\nb.jpg;a bee;\n",
        'a.jpg\tan ant\na.jpg\t"a red ant, in grass"\nb.jpg\ta bee\n',
        "a.jpg, an ant\na.jpg, a red ant, in grass\nb.jpg,a bee\n",
        'a.jpg,"an\nant"\na.jpg,"a red ant, in grass"\nb.jpg,a bee\n',
        "\ufeffimage\tcaption\na.jpg\tan ant\na.jpg\tan ant\na.jpg\ta red ant, in grass\nb.jpg\ta bee\n",
    ],
)
def test_tables_are_told_by_their_content(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content, "named.json") == ANTS


def test_quotation_marks_in_tsv_are_text(tmp_path: Path) -> None:
    told = read(tmp_path, 'a.jpg\t"stop" says a sign\nb.jpg\tan open " mark\nc.jpg\t"he said ""no"""\n')
    assert told == {"a.jpg": ('"stop" says a sign',), "b.jpg": ('an open " mark',), "c.jpg": ('he said "no"',)}


def test_empty_captions_are_counted(tmp_path: Path) -> None:
    (path := tmp_path / "captions").write_text("image,caption\na.jpg,\na.jpg,an ant\nb.jpg,  \n")
    found = read_captions(path)
    assert (found.captions, found.blank) == ({"a.jpg": ("an ant",)}, 2)


@pytest.mark.parametrize(
    ("content", "where", "problem"),
    [
        ("", None, "empty"),
        (" \n\n", None, "empty"),
        ("image,caption\n", None, "holds no caption"),
        ("just some words\n", "line 1", "no columns"),
        ('{"images": [\n{"id" 1}]}', "line 2, column 7", "broken JSON"),
        ("[1, 2]", None, "without a list of images"),
        ('{"images": []}', None, "without a list of annotations"),
        ('{"images": [{"id": 1}], "annotations": []}', "images[0]", "file_name"),
        ('{"images": [], "annotations": [{"image_id": 1, "bbox": []}]}', "annotations[0]", "caption is missing"),
        ('{"images": [7], "annotations": []}', "images[0]", "id is missing"),
        ("[" * 100_000, None, "cannot be read"),
        (b'{"images": [\n"\xe9"]}', "line 2", "not UTF-8"),
        ('{"images": [], "annotations": [{"image_id": 1, "caption": "\\ud800"}]}', "annotations[0]", "half a char"),
        ('{"images": [], "annotations": [{"image_id": 1, "caption": "a\\u0000"}]}', "annotations[0]", "NUL"),
        (b"a.jpg,an ant\nb.jpg,caf\xe9\n", "line 2", "byte 10 is not UTF-8"),
        ("a.jpg,an ant\n".encode("utf-16"), "line 1", "UTF-16"),
        ("a.jpg,an ant\n".encode("utf-16-le"), "line 1", "NUL"),
        (b"a.jpg,an ant\nb.jpg,a\0bee\n", "line 2", "NUL"),
        ('a.jpg,an ant\nb.jpg,"a bee\nc.jpg,a cat\n', "line 2", "quotation marks"),
        ("image,licence,caption\na.jpg,CC,an ant\nb.jpg,CC\n", "line 3", "2 of 3 columns"),
        ("image,caption\n,an ant\n", "line 2", "name of the image is empty"),
        ("a.jpg#0\tan ant\nb.jpg\ta bee\n", "line 2", "does not end with #"),
        (f"a.jpg,{'long ' * 3000}\n", "line 1", "14,999 characters"),
        ("".join(f"a.jpg,{n} {'long ' * 1000}\n" for n in range(9)), "line 4", "captions of this image have 20,004"),
    ],
)
def test_a_broken_file_is_refused_with_place_and_reason(
    tmp_path: Path, content: str | bytes, where: str | None, problem: str
) -> None:
    with pytest.raises(InvalidCaptionFile, match=problem) as caught:
        read(tmp_path, content)
    assert caught.value.where == where
    assert str(tmp_path / "captions") in str(caught.value) and "COCO captions JSON" in str(caught.value)
    assert isinstance(caught.value, UsageError) and len(str(caught.value)) < 1000


def test_a_line_of_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "captions"
    with path.open("wb") as file:
        file.write(b"a.jpg,an ant\nb.jpg,")
        file.truncate(2**30)
    with pytest.raises(InvalidCaptionFile, match="line 2: it is longer than 1,048,576 bytes"):
        read_captions(path)


def test_json_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption_files, "MAX_JSON", 2**20)
    with pytest.raises(InvalidCaptionFile, match="over 1 MiB"):
        read(tmp_path, "[" + " " * 2**20)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidCaptionFile, match="no such file"):
        read_captions(tmp_path / "missing")
    with pytest.raises(InvalidCaptionFile, match="is no file"):
        read_captions(tmp_path)


def test_a_shelf_reads_again_what_has_changed(tmp_path: Path) -> None:
    shelf, path = CaptionFileCache(), tmp_path / "captions"
    path.write_text("a.jpg,an ant\n")
    first = shelf.read(path)
    assert shelf.read(path) is first
    path.write_text("a.jpg,another ant\n")
    assert shelf.read(path).captions == {"a.jpg": ("another ant",)}
    path.unlink()
    with pytest.raises(InvalidCaptionFile, match="no such file"):
        shelf.read(path)
