"""Lists as they come: which column is the address, which the captions, and where a list breaks off."""

import json
from pathlib import Path

import pyarrow as pa
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


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("one,two\nthree,four\n", "no column of http"),
        (f'url,caption\n{A},"never closed\n' + "x" * 200_000, "line"),
        (f'{{"url": "{A}"}}\n{{"url": \n', "line 2 is no JSON"),
        (f'{{"url": "{A}"}}\n7\n', "line 2 is no JSON object"),
        (f'["{A}"]', "JSON Lines"),
        (b"\x1f\x8b\x08", "packed with gzip"),
        ("url".encode("utf-16"), "no text in UTF-8"),
        (b"PAR1junk", "damaged Parquet"),
    ],
)
def test_a_list_that_cannot_be_read_says_where(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        rows(tmp_path, content)


def test_what_is_no_unicode_becomes_text(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, json.dumps({"url": A, "caption": "a \udc80 dog"}))
    row[1][0].encode()
    (row,) = rows(tmp_path, f"{A}\tcaf\xe9 au lait\n".encode("latin-1"))
    assert row == (A, ("caf\ufffd au lait",))
