"""Unit vectors and their composition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.domain.vectors import compose, unit
from core.errors import InvalidQuery

FINITE = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
MATRICES = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 8)), elements=FINITE)


@given(MATRICES.filter(lambda m: bool((np.abs(m).max(axis=1) > 1e-3).all())))
def test_rows_come_out_with_length_one_and_their_direction(matrix: np.ndarray) -> None:
    rows = unit(matrix)
    assert rows.dtype == np.float32 and rows.shape == matrix.shape
    wide = matrix.astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(rows * np.linalg.norm(wide, axis=1, keepdims=True), wide, rtol=1e-4, atol=1e-3)


def test_one_vector_keeps_its_shape() -> None:
    np.testing.assert_allclose(unit(np.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-6)


def test_half_precision_does_not_overflow() -> None:
    np.testing.assert_allclose(unit(np.full(4, 60000, np.float16)), 0.5)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_row_without_direction_is_refused(bad: float) -> None:
    matrix = np.ones((3, 4), np.float32)
    matrix[1] = bad
    with pytest.raises(ValueError, match="no direction"):
        unit(matrix)


def test_terms_are_weighed_and_pushed_away() -> None:
    east, north = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    np.testing.assert_allclose(compose([east, north], [3, 4]), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(compose([east, north], [1, -1]), [0.5**0.5, -(0.5**0.5)], rtol=1e-6)
    assert compose([east, north], [1, 1]).dtype == np.float32


@given(st.floats(0.01, 100))
def test_one_term_is_itself_whatever_its_weight(weight: float) -> None:
    vector = unit(np.array([1.0, 2.0, -2.0]))
    np.testing.assert_allclose(compose([vector], [weight]), vector, rtol=1e-6)


def test_terms_that_cancel_each_other_are_refused() -> None:
    vector = unit(np.array([1.0, 2.0]))
    with pytest.raises(InvalidQuery, match="cancel"):
        compose([vector, vector], [0.7, -0.7])
