"""A small vector kit: curves as polygons in a unit square, so that pictures look alike at every resolution.

Coordinates are x to the right and y downwards; an object fills about [-1, 1] in both. Every outline is a float64 array
of shape (N, 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
Pairs: TypeAlias = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Shape:
    """One filled polygon of an object.

    `role` names its paint (see `palette.paints`); `outlined` says whether it belongs to the object's silhouette;
    details such as windows and highlights do not.
    """

    points: Points
    role: str
    outlined: bool


def body(points: Points, role: str = "main") -> Shape:
    """A part of the silhouette."""
    return Shape(points, role, outlined=True)


def detail(points: Points, role: str) -> Shape:
    """Something drawn on the body: no outline of its own."""
    return Shape(points, role, outlined=False)


def polygon(points: Pairs) -> Points:
    return np.asarray(points, dtype=np.float64)


def ellipse(x: float, y: float, rx: float, ry: float, tilt: float = 0.0, steps: int = 36) -> Points:
    """An ellipse; `tilt` in degrees, clockwise on the screen."""
    angle = np.linspace(0.0, 2 * np.pi, steps, endpoint=False)
    ring = np.stack([rx * np.cos(angle), ry * np.sin(angle)], axis=1)
    moved: Points = rotate(ring, tilt) + np.array([x, y])
    return moved


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Points:
    """A rectangle with rounded corners."""
    if radius <= 0:
        return polygon([(left, top), (right, top), (right, bottom), (left, bottom)])
    corners = [
        (right - radius, top + radius, -90),
        (right - radius, bottom - radius, 0),
        (left + radius, bottom - radius, 90),
        (left + radius, top + radius, 180),
    ]
    return np.concatenate([arc(x, y, radius, radius, start, start + 90, 7) for x, y, start in corners])


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, steps: int = 24) -> Points:
    """Points along an ellipse from `start` to `stop` degrees (0 is right, 90 is down)."""
    angle = np.radians(np.linspace(start, stop, steps))
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def smooth(points: Pairs, steps: int = 6) -> Points:
    """A closed Catmull-Rom curve through the points."""
    knots = np.asarray(points, dtype=np.float64)
    before, after, beyond = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]  # (1, steps, 1)
    p0, p1, p2, p3 = (p[:, None, :] for p in (before, knots, after, beyond))  # each (N, 1, 2)
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    flat: Points = curve.reshape(-1, 2)
    return flat


def stroke(line: Points | Pairs, width: float) -> Points:
    """A thick open line as a polygon."""
    path = np.asarray(line, dtype=np.float64)
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-9)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) * (width / 2)
    return np.concatenate([path + normal, (path - normal)[::-1]])


def ring(x: float, y: float, radius: float, width: float) -> Points:
    """A closed ring: the outer circle, then the inner one backwards through a seam of no width."""
    outer = arc(x, y, radius, radius, -90, 270, 33)
    inner = arc(x, y, radius - width, radius - width, 270, -90, 33)
    return np.concatenate([outer, inner])


def rotate(points: Points, degrees: float) -> Points:
    """Turn the points about the origin, clockwise on the screen."""
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned: Points = points @ matrix
    return turned


def mirror(points: Points) -> Points:
    """Reflect the points left to right."""
    return points * (-1.0, 1.0)
