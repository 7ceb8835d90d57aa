"""Lines of text in the encodings that tables come with."""

from pathlib import Path

import pytest

from core.tables.table_error import TableError
from core.tables.text_lines import TextLines, find_bad_byte, guess_encoding, read_document, split_lines


def test_only_line_ends_end_lines() -> None:
    assert split_lines("a\x0b\x0c\x1c\x85\u2028b\r\nc\rd\n\n") == ["a\x0b\x0c\x1c\x85\u2028b", "c", "d", ""]
    assert split_lines("") == [] and split_lines("a") == ["a"]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xef\xbb\xbfa", "utf-8-sig"),
        ("a".encode("utf-16"), "utf-16"),
        ("a".encode("utf-32"), "utf-32"),
        ("name,caption".encode("utf-16-le"), "utf-16-le"),
        ("name,caption".encode("utf-16-be"), "utf-16-be"),
        (b"caf\xe9", "utf-8"),
        (b"a,b\0c", "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_the_first_bytes_tell_the_encoding(data: bytes, encoding: str) -> None:
    assert guess_encoding(data) == encoding


def test_lines_that_are_not_utf_8(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(b"caf\xc3\xa9\r\ncaf\xe9\rna\xefve\n")
    with TextLines(path) as lines:
        assert [find_bad_byte(line) for line in lines] == [None, 4, 3]
    with TextLines(path, recode=True) as lines:
        assert list(lines.numbered()) == [(1, "café\r\n"), (2, "café\r"), (3, "naïve\n")]
        assert (lines.recoded_lines, lines.recoded) == (2, [2, 3])
    with pytest.raises(TableError, match="line 2: it is not UTF-8"):
        read_document(path, 100)


def test_a_line_without_an_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (path := tmp_path / "file").open("wb") as file:
        file.truncate(2**30)
    with TextLines(path) as lines, pytest.raises(TableError, match="line 1: it is longer than 1,048,576 characters"):
        next(lines)
