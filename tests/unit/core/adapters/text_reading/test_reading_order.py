"""The order of lines: columns, rows, turned pages."""

import numpy as np
import pytest

from core.adapters.text_reading.reading_order import Corners, order_lines, quarter_turns

LETTER = 10  # width of a letter; a line is 20 high


def line(left: float, top: float, letters: int = 10, turn: int = 0) -> Corners:
    """A line on a page of 1000 x 1000, the page turned clockwise by quarter turns."""
    right, bottom = left + letters * LETTER, top + 20
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=float)
    for _ in range(turn):
        corners = np.column_stack((1000 - corners[:, 1], corners[:, 0]))
    return corners


@pytest.mark.parametrize("turn", range(4))
def test_lines_are_read_from_the_top_however_the_page_is_turned(turn: int) -> None:
    page = [line(50, top, turn=turn) for top in (300, 100, 200)]
    assert order_lines(page) == [1, 2, 0]
    assert {quarter_turns(corners) for corners in page} == {turn}


@pytest.mark.parametrize("turn", range(4))
def test_a_column_is_read_to_its_end_before_the_next_begins(turn: int) -> None:
    title = line(50, 20, 60, turn)
    columns = [line(left, top, 20, turn) for left in (50, 400) for top in (100, 130, 160)]
    assert order_lines([*columns[::-1], title]) == [6, 5, 4, 3, 2, 1, 0]


def test_what_shares_a_line_is_read_from_left_to_right() -> None:
    assert order_lines([line(170, 102), line(55, 140), line(50, 100)]) == [2, 0, 1]


def test_the_direction_with_the_most_writing_is_read_first() -> None:
    assert order_lines([line(10, 10, 5, turn=1), line(50, 100, 30), line(50, 140, 30)]) == [1, 2, 0]


def test_no_lines_are_in_order() -> None:
    assert order_lines([]) == []
