"""Caption files of every published shape, and broken ones."""

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from core.errors import InvalidCaptionFile, UsageError
from ingest.captions import caption_files
from ingest.captions.caption_files import CaptionFileCache, explain_bad_rows, read_captions

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


KARPATHY = {
    "images": [
        {
            "filepath": "val2014",
            "sentids": [1, 2],
            "filename": "a.jpg",
            "imgid": 0,
            "split": "test",
            "sentences": [
                {"tokens": ["an", "ant"], "raw": "an ant", "imgid": 0, "sentid": 1},
                {"tokens": ["a", "red", "ant"], "raw": "a red ant, in grass", "imgid": 0, "sentid": 2},
            ],
            "cocoid": 391895,
        },
        {"filepath": "val2014", "filename": "b.jpg", "sentences": [{"tokens": ["a", "bee"]}], "split": "train"},
    ],
    "dataset": "coco",
}
FLICKR = {"images": [{"filename": each["filename"], "sentences": each["sentences"]} for each in KARPATHY["images"]]}
RECORDS = [
    {"image": "a.jpg", "caption": ["an ant", "a red ant, in grass"], "image_id": 391895},
    {"image": "b.jpg", "caption": "a bee", "image_id": 7},
]
METADATA = [
    {"file_name": "a.jpg", "text": "an ant"},
    {"file_name": "a.jpg", "text": "a red ant, in grass"},
    {"file_name": "b.jpg", "text": "a bee"},
]
WORDS = [each["text"] for each in METADATA]


def to_lines(records: list[dict[str, object]], end: str = "\n") -> str:
    return "".join(json.dumps(record) + end for record in records)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(FLICKR),
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        json.dumps({"annotations": RECORDS}),
        json.dumps({"info": {}, "annotations": [{"image_id": e["file_name"], "caption": e["text"]} for e in METADATA]}),
        json.dumps({"train": RECORDS[:1], "val": RECORDS[1:]}),
        json.dumps({"images": [{"file_name": name, "captions": list(texts)} for name, texts in ANTS.items()]}),
        json.dumps(ANTS),
        json.dumps({"a.jpg": {"captions": ["an ant", "a red ant, in grass"]}, "b.jpg": {"captions": ["a bee"]}}),
        json.dumps({"image": ["a.jpg", "a.jpg", "b.jpg"], "caption": WORDS}),
        to_lines(RECORDS),
        to_lines(METADATA),
        to_lines(METADATA, "\r"),
        to_lines([{"image": {"path": each["file_name"], "bytes": None}, "caption": each["text"]} for each in METADATA]),
        to_lines([{"image_id": name, "sentences": [{"raw": text} for text in texts]} for name, texts in ANTS.items()]),
        pd.DataFrame(METADATA).to_csv(),
        pd.DataFrame(METADATA).to_csv(sep="\t", index=False, lineterminator="\r"),
        pd.DataFrame(METADATA).to_json(),
        pd.DataFrame(METADATA).to_json(orient="split"),
        pd.DataFrame(METADATA).to_json(orient="table"),
        pd.DataFrame(RECORDS[:1]).to_csv(index=False) + 'b.jpg,"[""a bee""]",7\n',
        'raw,split,filename,img_id\n"[""an ant"", ""a red ant, in grass""]",val,a.jpg,0\n"[""a bee""]",val,b.jpg,1\n',
        "an ant\ta.jpg\na red ant, in grass\ta.jpg\na bee\tb.jpg\n",
        'image,caption\ra.jpg,an ant\r\na.jpg,"a red ant,\rin grass"\nb.jpg,a bee\r',
        "a.jpg#0\tan ant\ra.jpg#1\ta red ant, in grass\rb.jpg#0\ta bee",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_published_formats_mean_the_same(tmp_path: Path, content: str, encoding: str) -> None:
    assert read(tmp_path, content.encode(encoding)) == ANTS


def test_splits_of_karpathy_name_folder_and_file(tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps(KARPATHY)) == {f"val2014/{name}": texts for name, texts in ANTS.items()}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_captions_are_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    assert read(tmp_path, pack(json.dumps(COCO).encode())) == read(tmp_path, json.dumps(COCO))
    assert read(tmp_path, pack(pd.DataFrame(METADATA).to_csv().encode())) == ANTS


def test_parquet_and_arrow(tmp_path: Path) -> None:
    path = tmp_path / "captions"
    frame = pl.DataFrame(METADATA).with_columns(pl.col("file_name", "text").cast(pl.Categorical))
    frame.write_parquet(path)
    assert read_captions(path).captions == ANTS
    frame.write_ipc(path)
    assert read_captions(path).captions == ANTS
    shard = {"url": ["http://e.org/a"] * 3, "key": ["0a", "0a", "0b"], "caption": WORDS, "jpg": [b"x"] * 3}
    pd.DataFrame(shard).to_parquet(path)  # as img2dataset writes it
    assert read_captions(path).captions == {"0a": ANTS["a.jpg"], "0b": ANTS["b.jpg"]}


def test_a_few_bad_rows_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [f"{n // 5}.jpg| {n % 5}| ant number {n}" for n in range(1000)]
    rows[499] = "99.jpg| 4   A dog runs across the grass ."  # as in Flickr30k's results.csv
    (path := tmp_path / "captions").write_text("\n".join(["image_name| comment_number| comment", *rows, ""]))
    found = read_captions(path)
    assert (found.rows, found.bad_rows, len(found.captions)) == (1000, 1, 200)
    assert found.captions["99.jpg"] == tuple(f"ant number {n}" for n in range(495, 499))
    (told,) = explain_bad_rows(found)
    assert told == f"{path}: 1 of 1,000 rows cannot be read and were left out: line 501: it has 2 of 3 columns"


@pytest.mark.parametrize(
    ("bad", "good", "where"),
    [
        (b'x.jpg,"an open mark', b'b.jpg,"a ""bee"" flies"', "quotation marks"),
        (b"x.jpg,caf\xe9", b"b.jpg,a bee", "byte 10 is not UTF-8"),
        (b"x.jpg,a\0bee", b"b.jpg,a bee", "NUL"),
        (b"x.jpg", b"b.jpg,a bee", "1 of 2 columns"),
        (b",nobody", b"b.jpg,a bee", "name of the image is empty"),
        (b"x.jpg," + b"long " * 3000, b"b.jpg,a bee", "14,999 characters"),
        (b'{"image": "x.jpg", "caption"', b'{"image": "b.jpg", "caption": "a bee"}', "no JSON"),
        (b'{"image": "x.jpg"}', b'{"image": "b.jpg", "caption": "a bee"}', "no caption"),
        (b'["x.jpg"]', b'{"image": "b.jpg", "caption": "a bee"}', "no JSON object"),
        (b"x.jpg\tan ant", b"b.jpg#0\ta bee", "does not end with #"),
    ],
)
def test_one_bad_row_costs_itself_alone(tmp_path: Path, bad: bytes, good: bytes, where: str) -> None:
    (path := tmp_path / "captions").write_bytes(b"\n".join([good, good, bad, *[good] * 20]))
    found = read_captions(path)
    assert (found.rows, found.bad_rows, list(found.captions)) == (23, 1, ["b.jpg"])
    assert str(found.bad_examples[0]).startswith("line 3: ") and where in str(found.bad_examples[0])


def test_more_bad_rows_than_10_in_1000_refuse_the_file(tmp_path: Path) -> None:
    for bad, refused in ((10, False), (11, True)):
        (path := tmp_path / "captions").write_text("a.jpg,an ant\n" * (1000 - bad) + "b.jpg\n" * bad)
        if refused:
            with pytest.raises(InvalidCaptionFile, match=r"line 990: .*11 of 1,000 rows cannot be read"):
                read_captions(path)
        else:
            assert explain_bad_rows(read_captions(path))[0].endswith("line 993: it has 1 of 2 columns; …")


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
        (b"PK\x03\x04", None, "a workbook of a spreadsheet; unpack it, or save the sheet as CSV"),
        (b"version https://git-lfs.github.com/spec/v1\n", None, "git lfs pull"),
        (b"\x1f\x8b\x08", None, "cannot be unpacked"),
        (b"PAR1junk", None, "damaged Parquet"),
        ('{"image": "a.jpg", "caption": "an ant"}\n{"image": "b.jpg"\n', "line 2", "no JSON"),
        ('[{"image": "a.jpg", "label": 3}]', None, "holds no caption"),
        ('[{"caption": "an ant"}]', "[0]", "the name of the image is empty"),
        ('{"file_name": "a.png", "objects": []}\n{"file_name": "b.png", "objects": []}\n', "line 1", "no caption"),
        ("image,caption,split\na.jpg,an ant, on a leaf,train\n", "line 2", "4 of 3 columns"),
        ("".join(f"a{n}.jpg,an ant\n" for n in range(97)) + 'x,"a\n' * 3, "line 98", "3 of 100 rows cannot be read"),
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
    with pytest.raises(InvalidCaptionFile, match="line 2: it is longer than 1,048,576 characters"):
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
