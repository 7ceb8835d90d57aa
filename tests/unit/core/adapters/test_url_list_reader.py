"""Lists as they come: which column is the address, which the captions, and where a list breaks off."""

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from core.adapters.url_list.reader import read_rows
from core.errors import StoreError

A, B, C = (f"https://example.org/{name}.jpg" for name in "abc")


def rows(folder: Path, content: str | bytes) -> list[tuple[str, tuple[str, ...]]]:
    path = folder / "list"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(row.address, row.captions) for row in read_rows(path)]


TWO = [(A, ("a dog",)), (B, ("two cats, asleep",))]


@pytest.mark.parametrize(
    "content",
    [
        f"a dog\t{A}\ntwo cats, asleep\t{B}\n",
        f'caption\turl\na dog\t{A}\n"two cats, asleep"\t{B}\n',
        f'{A},a dog\n{B},"two cats, asleep"\n',
        f'url,width,caption\r\n{A},640,a dog\r\n{B},480,"two cats, asleep"\r\n',
        f"\ufeffid;TEXT;image_url;page url\n1;a dog;{A};{C}\n2;two cats, asleep;{B};{C}\n",
        f'17,{A},a dog\n\n18,{B},"two cats, asleep"\n',
        f'{{"url": "{A}", "caption": "a dog"}}\n\n{{"caption": ["two cats, asleep"], "url": "{B}", "n": 1}}\n',
    ],
)
def test_lists_are_recognised_by_content(tmp_path: Path, content: str) -> None:
    assert rows(tmp_path, content) == TWO


def test_bare_addresses(tmp_path: Path) -> None:
    assert rows(tmp_path, f"{A}\n{B}\n") == [(A, ()), (B, ())]
    assert rows(tmp_path, A) == [(A, ())]
    assert rows(tmp_path, f"url\n{A}?x=1,2\n") == [(f"{A}?x=1,2", ())]
    assert rows(tmp_path, "") == []


COMMAS = (
    "https://upload.wikimedia.org/wikipedia/commons/a/a9/Main_Street,_Bar.jpg",
    "https://res.cloudinary.com/demo/image/upload/w_200,h_100/sample",
    "https://iiif.example.org/x/pct:10,10,80,80/full/0/default.jpg",
    "https://example.org/a;jsessionid=1,2.jpg",
)


@pytest.mark.parametrize(
    "addresses", [COMMAS, COMMAS[:3], COMMAS[1:3], COMMAS[:1], COMMAS[3:], (A, *COMMAS), (COMMAS[0], A), (COMMAS[3], A)]
)
@pytest.mark.parametrize("head", ["", "url\n", '"url"\n'])
def test_a_plain_list_of_addresses_with_commas_is_one_column(
    tmp_path: Path, addresses: tuple[str, ...], head: str
) -> None:
    assert rows(tmp_path, head + "".join(f"{each}\n" for each in addresses)) == [(each, ()) for each in addresses]


@pytest.mark.parametrize("comment", ["# mine, from 2019", "#"])
@pytest.mark.parametrize("addresses", [(A, B), ("https://e.org/a,b.jpg?w=1,h=2", B), ("https://e.org/a,b.jpg",)])
def test_comments_in_a_plain_list_are_no_addresses(tmp_path: Path, addresses: tuple[str, ...], comment: str) -> None:
    expected = [(each, ()) for each in addresses]
    assert rows(tmp_path, f"{comment}\n" + "".join(f"{each}\n\n" for each in addresses)) == expected
    assert rows(tmp_path, "".join(f"{each}\n{comment}\n" for each in addresses)) == expected


def test_a_name_that_begins_like_a_comment_is_a_columns(tmp_path: Path) -> None:
    assert rows(tmp_path, f"#url,caption\n{A},a red dog\n{B},#2 of two\n") == [(A, ("a red dog",)), (B, ("#2 of two",))]


def test_addresses_and_one_word_each_are_two_columns(tmp_path: Path) -> None:
    assert rows(tmp_path, f"{A},dog\n{B},cat\n")[0][0] == A
    assert rows(tmp_path, "https://e.org/1,dog\nhttps://e.org/2,cat\n")[1][0] == "https://e.org/2"
    assert rows(tmp_path, f"https://e.org/page/1,{A}\nhttps://e.org/page/2,{B}\n") == [(A, ()), (B, ())]


PAGE, THUMB, LICENCE = (
    "https://www.flickr.com/photos/1/2/",
    "https://e.org/t.jpg",
    "https://creativecommons.org/by/2.0/",
)
PUBLISHED = {
    "WIT": {
        "language": "en",
        "page_url": PAGE,
        "image_url": A,
        "page_title": "A town",
        "section_title": "",
        "caption_reference_description": "a reference",
        "caption_attribution_description": "English: an attribution",
        "caption_alt_text_description": "",
        "mime_type": "image/jpeg",
        "context_page_description": "The town is a town.",
    },
    "Unsplash": {
        "photo_id": "x",
        "photo_url": "https://unsplash.com/photos/x",
        "photo_image_url": "https://images.unsplash.com/photo-1",
        "photo_description": "a reference",
        "photographer_username": "me",
        "ai_description": "by a model",
    },
    "LAION": {"SAMPLE_ID": 1, "URL": A, "TEXT": "a reference", "LICENSE": "?", "NSFW": "UNLIKELY", "similarity": 0.3},
    "DataComp": {"uid": "f0", "url": A, "text": "a reference", "original_width": 640, "sha256": "00"},
    "img2dataset": {
        "url": A,
        "caption": "a reference",
        "key": "000000001",
        "status": "success",
        "error_message": None,
        "exif": "{}",
    },
    "RedCaps": {
        "image_id": "x",
        "author": "me",
        "image_url": A,
        "raw_caption": "A RAW",
        "caption": "a reference",
        "subreddit": "pics",
        "permalink": "https://reddit.com/r/pics/x",
    },
    "SBU": {"image_url": A, "user_id": "4@N1", "caption": "a reference"},
    "YFCC": {"title_clean": "a reference", "pageurl": PAGE, "downloadurl": A, "licenseurl": LICENCE},
    "OpenImages": {
        "ImageID": "x",
        "OriginalURL": A,
        "OriginalLandingURL": PAGE,
        "License": LICENCE,
        "AuthorProfileURL": PAGE,
        "Author": "me",
        "Title": "a reference",
        "Thumbnail300KURL": THUMB,
    },
    "Merchant": {"id": "1", "title": "a reference", "link": "https://shop.org/1", "image_link": A},
    "product": {"url": "https://shop.org/1", "image": A, "name": "x", "caption": "a reference"},
    "nested": {"image": {"url": A, "width": 3}, "link": PAGE, "caption": ["a reference"]},
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("form", ["parquet", "jsonl", "json", "tsv"])
def test_columns_of_published_lists_are_known(tmp_path: Path, name: str, form: str) -> None:
    record = PUBLISHED[name]
    other = {key: B if value == A else value for key, value in record.items()}
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist([record, other]), tmp_path / "list")
        content: str | bytes = (tmp_path / "list").read_bytes()
    elif form == "tsv":
        if name == "nested":
            return
        lines = ("\t".join("" if value is None else str(value) for value in each.values()) for each in (record, other))
        content = "\t".join(record) + "\n" + "\n".join(lines)
    else:
        content = json.dumps([record, other]) if form == "json" else json.dumps(record) + "\n" + json.dumps(other)
    address = record["photo_image_url"] if name == "Unsplash" else A
    found = rows(tmp_path, content)
    captions = ("a reference", "English: an attribution") if name == "WIT" else ("a reference",)
    assert found[0] == (address, captions) and len(found) == 2


def test_the_picture_among_unnamed_addresses_is_told_by_its_ending(tmp_path: Path) -> None:
    yfcc = "0\t17\t{page}{n}\thttp://farm6.staticflickr.com/5599/{n}_z.jpg\tCC\thttp://creativecommons.org/by/2.0/\n"
    found = rows(tmp_path, "".join(yfcc.format(page=PAGE, n=n) for n in range(2)))
    assert found[1][0] == "http://farm6.staticflickr.com/5599/1_z.jpg"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, pa.Codec("zstd").compress, "lz4"])
def test_packed_lists_are_read(tmp_path: Path, pack: Callable[[bytes], bytes] | str) -> None:
    content = "".join(f"a dog number {n}\t{A}?{n}\n" for n in range(5000)).encode()
    with pa.BufferOutputStream() as sink:
        with pa.CompressedOutputStream(sink, "lz4") as packed:
            packed.write(content)
        found = rows(tmp_path, sink.getvalue().to_pybytes() if isinstance(pack, str) else bytes(pack(content)))
    assert len(found) == 5000 and found[-1] == (f"{A}?4999", ("a dog number 4999",))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    content = end.join(("url,caption", f"{A},a d\xf6g\x85\u2028s", f'{B},"two{end}cats"', ""))
    assert rows(tmp_path, content.encode(encoding)) == [(A, ("a d\xf6g\x85\u2028s",)), (B, (f"two{end}cats",))]


def test_a_quoted_cell_of_tsv_may_go_over_lines(tmp_path: Path) -> None:
    content = f'url\tcaption\tn\n{A}\t"one\n\n""two"" three"\t1\n{B}\t"open\t2\n{C}\t5" screen\t3\n'
    assert rows(tmp_path, content) == [(A, ('one\n\n"two" three',)), (B, ('"open',)), (C, ('5" screen',))]


def test_columns_of_json_as_pandas_writes_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"url": [A, B], "caption": ["a dog", "two cats, asleep"]})
    for orient in ("records", "columns", "index", "split", "table"):
        frame.to_json(tmp_path / "list", orient=orient)
        assert rows(tmp_path, (tmp_path / "list").read_bytes()) == TWO, orient
    assert (
        rows(tmp_path, json.dumps({"image_urls": [A, B], "user_ids": [1, 2], "captions": ["a dog", "b"]}))[0] == TWO[0]
    )
    assert rows(tmp_path, json.dumps([A, B])) == [(A, ()), (B, ())]
    frame["caption"] = [["a dog"], ["two cats, asleep"]]
    assert rows(tmp_path, frame.to_csv()) == TWO


def test_a_list_of_addresses_in_a_row_is_a_picture_each(tmp_path: Path) -> None:
    pq.write_table(pa.table({"images": [[A, B], [C], []], "text": ["two", "one", "none"]}), tmp_path / "list")
    found = [(row.number, row.address, row.captions) for row in read_rows(tmp_path / "list")]
    assert found == [(1, A, ("two",)), (1, B, ("two",)), (2, C, ("one",)), (3, "", ("none",))]


def test_a_broken_quotation_mark_swallows_no_rows(tmp_path: Path) -> None:
    content = f'url,caption\n{A},"open\n{B},a "dog" said\n{C},"closed"\n'
    assert rows(tmp_path, content) == [(A, ("open",)), (B, ('a "dog" said',)), (C, ("closed",))]


def test_a_first_address_with_a_blank_is_no_header(tmp_path: Path) -> None:
    found = rows(tmp_path, f"https://e.org/a b.jpg\n{A}\n{B}\n")
    assert found[0] == ("https://e.org/a b.jpg", ()) and len(found) == 3


def test_the_delimiter_of_excel_is_no_row(tmp_path: Path) -> None:
    assert rows(tmp_path, f"sep=;\r\nurl;caption\r\n{A};a dog\r\n{B};two cats, asleep\r\n") == TWO


def test_coco_with_addresses_has_its_captions(tmp_path: Path) -> None:
    images = [{"id": 1, "coco_url": A, "license": 3}, {"id": 2, "coco_url": B}]
    annotations = [{"image_id": 2, "caption": "two cats"}, {"image_id": 1, "caption": "a dog"}, {"image_id": 2}]
    found = rows(
        tmp_path, json.dumps({"info": {}, "licenses": [{"url": C}], "images": images, "annotations": annotations})
    )
    assert found == [(A, ("a dog",)), (B, ("two cats",))]


def test_several_captions(tmp_path: Path) -> None:
    assert rows(tmp_path, f"caption_1,caption_2,url\none,two,{A}\nthree,,{B}\n") == [
        (A, ("one", "two")),
        (B, ("three",)),
    ]


def test_what_is_not_known_to_be_a_caption_is_none(tmp_path: Path) -> None:
    assert rows(tmp_path, f"url,licence,author\n{A},CC BY 2.0,Some Body\n{B},CC BY 2.0,Some Body\n") == [
        (A, ()),
        (B, ()),
    ]
    assert rows(tmp_path, f"{A},some words here,more words here\n{B},other words here,words too\n") == [
        (A, ()),
        (B, ()),
    ]


def test_quotation_marks_in_tsv_are_text(tmp_path: Path) -> None:
    content = f'"the cat" sat\t{A}\n"as a spreadsheet ""quotes"" it"\t{B}\n" said he\t{C}\n'
    assert [captions for _, captions in rows(tmp_path, content)] == [
        ('"the cat" sat',),
        ('as a spreadsheet "quotes" it',),
        ('" said he',),
    ]


def test_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {"key": [1, 2, 3], "url": [A, B, None], "caption": ["a dog", "two cats, asleep", "x"], "v": [b"a"] * 3}
    )
    pq.write_table(table, tmp_path / "list")
    assert [(row.address, row.captions) for row in read_rows(tmp_path / "list")] == [*TWO, ("", ("x",))]
    with pytest.raises(StoreError, match="could not be read whole"):
        rows(tmp_path, (tmp_path / "list").read_bytes()[:-30])


WORDS = ["a dog", "two cats, asleep"]


def write_polars(path: Path, form: str) -> None:
    types = {
        "categorical": pl.Categorical,
        "enum": pl.Enum(WORDS),
        "binary": pl.Binary,
        "list": pl.List(pl.String),
        "array": pl.Array(pl.String, 1),
        "ipc": pl.Categorical,
        "ipc stream": pl.Enum(WORDS),
        "struct": pl.Struct({"caption": pl.Categorical}),
    }
    values = {"binary": [each.encode() for each in WORDS], "struct": [{"caption": each} for each in WORDS]}
    given = values.get(form, [[each] for each in WORDS] if form in ("list", "array") else WORDS)
    frame = pl.DataFrame({"n": [None, None], "url": [A, B], "caption": pl.Series(given, dtype=types[form])})
    if form == "ipc":
        frame.write_ipc(path, compression="zstd")
    elif form == "ipc stream":
        frame.write_ipc_stream(path)
    else:
        frame.write_parquet(path)


def write_pandas(path: Path, form: str) -> None:
    values: dict[str, object] = {
        "categorical": pd.Categorical(WORDS),
        "string": pd.array(WORDS, dtype="string"),
        "view": pd.array(WORDS, dtype=pd.ArrowDtype(pa.string_view())),
        "binary": [each.encode() for each in WORDS],
        "list": [[each] for each in WORDS],
    }
    frame = pd.DataFrame({"url": [A, B], "caption": values.get(form, WORDS), "none": [None, None], "x": [0.5, 0.1]})
    if form == "feather":
        frame.to_feather(path)
    elif form == "csv":
        frame.to_csv(path)
    elif form == "tsv":
        frame.to_csv(path, sep="\t", encoding="utf-16", lineterminator="\r\n")
    else:
        frame.to_parquet(path)


def write_duckdb(path: Path, form: str) -> None:
    caption = {"enum": "caption::words", "blob": "caption::blob", "list": "[caption]"}.get(form, "caption")
    options = {"csv": "format csv, delimiter ';'", "json": "format json", "array": "format json, array"}
    with duckdb.connect() as connection:
        connection.execute("create type words as enum ('a dog', 'two cats, asleep')")
        connection.execute("create table t (url varchar, caption varchar)")
        connection.executemany("insert into t values (?, ?)", list(zip([A, B], WORDS, strict=True)))
        given = f"(select uuid() id, map {{'a': 'b'}} m, url, {caption} caption, [0.5] v from t)"
        connection.execute(f"copy {given} to '{path}' ({options.get(form, 'format parquet')})")


def write_pyarrow(path: Path, form: str) -> None:
    plain, lists = pa.array(WORDS), [[each] for each in WORDS]
    captions: dict[str, pa.Array] = {
        "dictionary": plain.dictionary_encode(),
        "dictionary of bytes": plain.cast(pa.binary()).dictionary_encode(),
        "large string": plain.cast(pa.large_string()),
        "string view": plain.cast(pa.string_view()),
        "large binary": plain.cast(pa.large_binary()),
        "binary view": plain.cast(pa.binary()).cast(pa.binary_view()),
        "JSON": pa.ExtensionArray.from_storage(pa.json_(), plain),
        "list of dictionary": pa.ListArray.from_arrays([0, 1, 2], plain.dictionary_encode()),
        "large list": pa.array(lists, pa.large_list(pa.string())),
        "list view": pa.array(lists, pa.list_view(pa.string())),
        "large list view": pa.array(lists, pa.large_list_view(pa.string_view())),
        "list of structures": pa.array([[{"raw": each, "sentid": 1}] for each in WORDS]),
        "run ends": pc.run_end_encode(plain),
    }
    blobs = pa.array([b"\xff\xd8\xff\x00", None])
    table = pa.table({"jpg": blobs, "url": [A, B], "caption": captions.get(form, plain)})
    if form == "huggingface":  # as datasets 5.2 saves to disk
        table = table.replace_schema_metadata({"huggingface": '{"info": {"features": {}}}'})
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    elif form == "run ends":
        feather.write_feather(table, path)
    else:
        pq.write_table(table, path)


FORMS = {
    write_polars: "categorical,enum,binary,list,array,ipc,ipc stream,struct",
    write_pandas: "categorical,string,view,binary,list,feather,csv,tsv",
    write_duckdb: "enum,blob,list,csv,json,array",
    write_pyarrow: "dictionary,dictionary of bytes,large string,string view,large binary,binary view,JSON,"
    "list of dictionary,large list,list view,large list view,list of structures,run ends,huggingface",
}


@pytest.mark.parametrize(
    ("write", "form"), [(write, form) for write, forms in FORMS.items() for form in forms.split(",")]
)
def test_texts_of_every_type_mean_the_same(tmp_path: Path, write: Callable[[Path, str], None], form: str) -> None:
    write(tmp_path / "list", form)
    assert [(row.address, row.captions) for row in read_rows(tmp_path / "list")] == TWO


def test_texts_of_parquet_that_are_not_utf_8_cost_nothing(tmp_path: Path) -> None:
    texts = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\5\0\0\0\12\0\0\0"), pa.py_buffer(b"a dogcaf\xe9s"))
    pq.write_table(pa.table({"url": [A, B], "caption": texts}), tmp_path / "list")
    assert [row.captions for row in read_rows(tmp_path / "list")] == [("a dog",), ("caf\xe9s",)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("one,two\nthree,four\n", "no column of http"),
        (f'url,caption\n{A},"never closed\n' + "x" * 200_000, "line"),
        (f'{{"url": "{A}"}}\n{{"url": \n', "line 2: it is no JSON"),
        (f'{{"url": "{A}"}}\n7\n', "line 2: it is no JSON object"),
        ("[7]", "no JSON object"),
        (f'[{{"url": "{A}"}},\n', "line 2, column 1: it is broken JSON"),
        (b"\x1f\x8b\x08", "cannot be unpacked"),
        (gzip.compress(A.encode() * 9000)[:-12], "the rest cannot be unpacked"),
        (b"PK\x03\x04", "a zip archive, or a workbook.*save the sheet as CSV"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS.*git lfs pull"),
        (b"<!DOCTYPE html><html>", "a web page"),
        ("url".encode("utf-16"), "no column of http"),
        (b"PAR1junk", "damaged Parquet"),
    ],
)
def test_a_list_that_cannot_be_read_says_where(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        rows(tmp_path, content)


def test_what_is_no_unicode_becomes_text(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, json.dumps({"url": A, "caption": "a \udc80 dog"}))
    row[1][0].encode()
    told: list[str] = []
    (tmp_path / "list").write_bytes(f"{A}\ta dog\n{B}\tcaf\xe9 au lait\n".encode("latin-1"))
    assert list(read_rows(tmp_path / "list", told.append))[1].captions == ("caf\xe9 au lait",)
    assert len(told) == 1 and "1 lines are not UTF-8" in told[0] and "(number 2)" in told[0]


def make_seeds(path: Path) -> dict[str, bytes]:
    """Return lists of 40 pictures in several formats."""
    names = {"url": [f"https://e.org/{n}.jpg" for n in range(40)], "caption": [f"dog {n}" for n in range(40)]}
    frame = pl.DataFrame(names)
    some = frame.with_columns(pl.col("caption").cast(pl.Categorical))
    writers = {
        "csv": frame.write_csv,
        "json": frame.write_json,
        "jsonl": frame.write_ndjson,
        "parquet": some.write_parquet,
        "ipc": some.write_ipc,
        "stream": some.write_ipc_stream,
    }
    seeds = {}
    for name, write in writers.items():
        write(path)
        seeds[name] = path.read_bytes()
    return seeds | {"csv.gz": gzip.compress(seeds["csv"]), "jsonl.utf-16": seeds["jsonl"].decode().encode("utf-16")}


def test_damaged_lists_are_refused_or_read_and_raise_nothing_else(tmp_path: Path) -> None:
    chance = random.Random(16)
    path = tmp_path / "list"
    refused = 0
    for seed in make_seeds(path).values():
        for _ in range(20):
            data = bytearray(seed)
            for _ in range(chance.choice((1, 2, 20))):
                at = chance.randrange(len(data))
                match chance.randrange(4):
                    case 0:
                        data[at] = chance.choice(b'\0\xff"\n,{[')
                    case 1:
                        del data[at : at + 1 + chance.randrange(20)]
                    case 2:
                        data[at:at] = data[max(0, at - 40) : at]
                    case _:
                        data[at] = chance.randrange(256)
            path.write_bytes(data)
            try:
                assert len(list(read_rows(path))) < 1000
            except StoreError as error:
                assert str(path) in str(error)
                refused += 1
    assert 25 < refused < 150
