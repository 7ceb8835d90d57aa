"""The orders of lists of pictures."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.image import ImageRecord
from core.domain.query import Sort
from core.domain.sort_orders import encode_name_key, in_order, name_key
from tests.support.made_up_images import START, record

HOUR = timedelta(hours=1)
PICTURES = [
    record(1, key="b/IMG_10.jpg", taken_at=START, modified_at=START + 3 * HOUR),
    record(2, key="a/img_9.jpg", taken_at=START + HOUR, modified_at=START + HOUR),
    record(3, key="z/IMG_010.jpg", taken_at=None, modified_at=START + 2 * HOUR),
    record(4, key="c/apple.jpg", taken_at=START, modified_at=START + 2 * HOUR),
    record(5, key="10.jpg", taken_at=None, modified_at=START),
]


def _numbers(records: list[ImageRecord]) -> list[int]:
    return [record.bytes - 1000 for record in records]


@pytest.mark.parametrize(
    ("by", "reverse", "numbers"),
    [
        ("modified", False, [1, 3, 4, 2, 5]),
        ("modified", True, [5, 2, 3, 4, 1]),
        ("taken", False, [2, 1, 4, 3, 5]),
        ("taken", True, [1, 4, 2, 5, 3]),
        ("name", False, [5, 4, 2, 1, 3]),
        ("name", True, [3, 1, 2, 4, 5]),
    ],
)
def test_the_orders(by: Sort, reverse: bool, numbers: list[int]) -> None:
    assert _numbers(in_order(PICTURES, by, reverse=reverse)) == numbers
    assert _numbers(in_order(reversed(PICTURES), by, reverse=reverse)) == numbers


def test_a_match_is_no_order_of_records() -> None:
    with pytest.raises(ValueError, match="match"):
        in_order(PICTURES, "match")


@pytest.mark.parametrize("key", ["", "/", "²³.jpg", "٣.jpg", "9" * 5000, "a/b/", "1a2b3", "a1", "\0"])
def test_any_key_can_be_ordered(key: str) -> None:
    assert sorted([name_key(key), name_key("1.jpg"), name_key("a.jpg")])


_KEYS = st.text(st.sampled_from("aAbß0129\0\x01/. é💥"), max_size=24) | st.text(max_size=12)


@given(_KEYS, _KEYS)
def test_bytes_compare_as_names_do(one: str, other: str) -> None:
    assert (encode_name_key(one) < encode_name_key(other)) == (name_key(one) < name_key(other))
    assert (encode_name_key(one) == encode_name_key(other)) == (name_key(one) == name_key(other))
