"""Strengths of the shipped demo model on scenes that it never saw, against what was promised of them."""

import pytest

from demo.measure_strength import Measured, measure


def _good(found: Measured, area: float, none_of_absent: float, none_of_present: float) -> None:
    ours = found.formulas[0]
    assert ours.area >= area
    assert ours.none_of_absent >= none_of_absent
    assert ours.none_of_present <= none_of_present
    assert found.strange > 0 and found.strange_strong <= 0.01


def test_what_is_absent_is_told_from_what_is_present() -> None:
    _good(measure(150, 5), 0.95, 0.8, 0.05)


@pytest.mark.soak
def test_what_is_absent_is_told_from_what_is_present_in_720_questions() -> None:
    found = measure(2000, 60)
    assert found.questions == 720
    _good(found, 0.95, 0.8, 0.05)
    assert found.query_pictures.area >= 0.93
