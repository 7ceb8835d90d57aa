"""Texts out of cells of any kind."""

import json

import numpy as np
import pytest

from core.tables.cell_values import clean_text, expand_list, flatten, to_name, to_text, to_texts

LONG = ["a long text of a dog " * 3, "another long text " * 4]  # printed on two lines


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("a dog", ["a dog"]),
        ("[a dog]", ["[a dog]"]),
        ('["a dog", "it\\u0027s \\"here\\""]', ["a dog", 'it\'s "here"']),
        (str(["a dog", "it's", 'say "hi"']), ["a dog", "it's", 'say "hi"']),
        (str(np.array(["a dog", "it's"])), ["a dog", "it's"]),
        (str(np.array(LONG)), LONG),
        ("[1, 2]", ["[1, 2]"]),
        ("['open", ["['open"]),
        ("[]", ["[]"]),
        ("['a', __import__('os')]", ["['a', __import__('os')]"]),
    ],
)
def test_lists_that_were_printed_into_a_cell_are_lists_again(cell: str, texts: list[str]) -> None:
    assert expand_list(cell) == texts


def test_bytes_are_texts_where_they_look_like_it() -> None:
    assert [to_text(value) for value in ("é", "é".encode(), "é".encode("cp1252"), b"\xff\xd8\xff\x00", 3, None)] == [
        *("é", "é", "é"),
        *("", "", ""),
    ]


def test_names_may_be_numbers() -> None:
    assert [to_name(value) for value in (7, "7", b"7", 7.0, True, None)] == ["7", "7", "7", "", "", ""]


def test_the_texts_of_lists_and_structures() -> None:
    value = ["one", [b"two", " "], {"raw": "three", "tokens": ["x"]}, {"tokens": ["fo", "ur"]}, {"bbox": [1]}, None]
    assert to_texts(value) == ["one", "two", "three", "fo ur"]
    assert to_texts(json.loads("[" * 900 + '"deep"' + "]" * 900)) == []


def test_structures_become_fields() -> None:
    assert flatten({"a": 1, "image": {"url": "u", "size": {"w": 1}}}) == {"a": 1, "image.url": "u", "image.size.w": 1}


def test_what_no_index_takes_is_escaped() -> None:
    clean_text("a\ud800\0b").encode()
    assert clean_text("a\ud800\0b") == "a\\ud800b"
