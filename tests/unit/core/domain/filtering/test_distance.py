"""Distances on the globe, and the ranges of degrees that places within a distance lie in."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.domain.filtering.distance import FARTHEST, find_ranges, great_circle

_latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, -89.9999, 0.0, 89.9999, 90.0])
_longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, -179.9999, 0.0, 179.9999, 180.0])
_meters = st.floats(0.001, 25_000_000) | st.sampled_from([1.0, 1000.0, 100_000.0, 5_000_000.0])


@pytest.mark.parametrize(
    ("place", "other", "kilometers"),
    [
        ((48.137, 11.575), (52.520, 13.405), 504.4),  # Munich to Berlin
        ((-16.43, 179.37), (-16.43, -179.99), 68.2),  # across the antimeridian
        ((89.9, 0), (89.9, 180), 22.2),  # across the pole
        ((0, 0), (0, 180), 20_015.1),
        ((48.1, 11.6), (48.1, 11.6), 0),
    ],
)
def test_known_distances(place: tuple[float, float], other: tuple[float, float], kilometers: float) -> None:
    assert great_circle(*place, *other) / 1000 == pytest.approx(kilometers, abs=0.1)
    assert great_circle(*other, *place) == pytest.approx(great_circle(*place, *other))


@given(_latitudes, _longitudes, _meters, _latitudes, _longitudes)
@example(0.0, 180.0, 1.0, 0.0, -180.0)
@example(0.0, 179.0, 200_000.0, 0.0, -180.0)
@example(90.0, 0.0, 1.0, 90.0, 123.0)
@example(0.0, 90.0, FARTHEST / 2, 0.0, -180.0)
def test_the_ranges_hold_every_place_that_is_near(
    latitude: float, longitude: float, meters: float, other_latitude: float, other_longitude: float
) -> None:
    ranges = find_ranges(latitude, longitude, meters)
    assert all(low <= high for low, high in (ranges.latitudes, *ranges.longitudes))
    if great_circle(latitude, longitude, other_latitude, other_longitude) <= meters:
        assert _is_within(ranges.latitudes, other_latitude)
        assert any(_is_within(one, other_longitude) for one in ranges.longitudes)


@given(_latitudes, _longitudes, st.floats(0, 359), st.floats(1, 3_000_000))
def test_the_ranges_hold_the_edge_of_the_circle(
    latitude: float, longitude: float, bearing: float, meters: float
) -> None:
    angle, start, course = meters / 6_371_008.8, math.radians(latitude), math.radians(bearing)
    sine = math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(course)
    end = math.asin(max(-1.0, min(1.0, sine)))
    east = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(start), math.cos(angle) - math.sin(start) * math.sin(end)
    )
    there = math.degrees(end), (longitude + math.degrees(east) + 180) % 360 - 180
    if great_circle(latitude, longitude, *there) <= meters:
        ranges = find_ranges(latitude, longitude, meters)
        assert _is_within(ranges.latitudes, there[0])
        assert any(_is_within(one, there[1]) for one in ranges.longitudes)


def test_a_small_circle_has_small_ranges() -> None:
    ranges = find_ranges(48.1, 11.6, 5000)
    assert ranges.latitudes == pytest.approx((48.055, 48.145), abs=0.001)
    assert ranges.longitudes == (pytest.approx((11.533, 11.667), abs=0.001),)


def _is_within(ends: tuple[float, float], degrees: float) -> bool:
    return ends[0] <= degrees <= ends[1]
