"""Which JSON a file holds, and which records are in it."""

from pathlib import Path

import pytest

from core.tables.json_records import find_records, is_json, is_json_lines, load_document
from core.tables.table_error import TableError


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"a": 1}\n{"a": 2}\n', "lines"),
        ('\n{"a": 1}\r{"a"\r', "lines"),
        ('{"a"}\n{"a": 2}\n', "lines"),
        ('{"a": 1}', "document"),
        ('{"images": [\n{"id": 1}\n]}', "document"),
        ('{\n"a": 1}', "document"),
        ('{"a": "' + "x" * 2**20 + '"}\n{"a": 1}', "document"),
        (' [{"a": 1}]', "document"),
        ("[", "document"),
        ('["a"]', "document"),
        ("[1]", "document"),
        ("[CLS] a dog\thttp://e.org/a.jpg", "no"),
        ("a,b\n", "no"),
        ("", "no"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_told_by_how_it_begins(tmp_path: Path, content: str, kind: str, encoding: str) -> None:
    (path := tmp_path / "file").write_bytes(content.encode(encoding))
    assert is_json(path) == (kind != "no")
    assert kind == "no" or is_json_lines(path) == (kind == "lines")


ONE, TWO = {"image": "a", "caption": "x"}, {"image": "b", "caption": "y"}


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ([ONE, TWO], [ONE, TWO]),
        ({"data": [ONE, TWO], "version": 1}, [ONE, TWO]),
        ({"train": [ONE], "val": [TWO]}, [ONE, TWO]),
        ({"image": ["a", "b"], "caption": ["x", "y"]}, [ONE, TWO]),
        ({"image": {"0": "a", "1": "b"}, "caption": {"0": "x", "1": "y"}}, [ONE, TWO]),
        ({"columns": ["image", "caption"], "index": [0, 1], "data": [["a", "x"], ["b", "y"]]}, [ONE, TWO]),
        ({"0": ONE, "1": TWO}, [ONE, TWO]),
        (ONE, [ONE]),
        ({"a": {"caption": "x"}}, [{"file_name": "a", "caption": "x"}]),
        ({"a": "x", "b": ["y", "z"]}, [{"file_name": "a", "caption": "x"}, {"file_name": "b", "caption": ["y", "z"]}]),
        ({"version": 1}, []),
        (7, []),
    ],
)
def test_records_are_found_in_every_shape(content: object, records: list[object]) -> None:
    assert [record for _, record in find_records(content)] == records


def test_a_document_over_the_limit_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_text("[" + " " * 2**20)
    with pytest.raises(TableError, match="over 1 MiB") as caught:
        load_document(path, 2**20)
    assert "JSON Lines" in str(caught.value.advice)
