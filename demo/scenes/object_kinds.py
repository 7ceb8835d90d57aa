"""How each kind of object looks: its silhouette and details in the unit square, back to front.

Every kind is told from the others by its outline alone, since a picture may show it only twenty pixels wide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demo.scenes.shapes import Shape, arc, body, box, detail, ellipse, mirror, polygon, ring, rotate, smooth, stroke


def car() -> list[Shape]:
    shell = [(-1, 0.1), (-0.92, -0.08), (-0.55, -0.14), (-0.32, -0.52), (0.3, -0.52), (0.6, -0.12), (0.95, 0), (1, 0.3)]
    return [
        body(polygon([*shell, (0.98, 0.38), (-0.98, 0.38)])),
        detail(polygon([(-0.42, -0.12), (-0.26, -0.42), (-0.03, -0.42), (-0.03, -0.12)]), "glass"),
        detail(polygon([(0.06, -0.12), (0.06, -0.42), (0.24, -0.42), (0.43, -0.12)]), "glass"),
        detail(box(-0.98, 0.22, 0.98, 0.38), "shade"),
        detail(ellipse(0.88, 0.12, 0.09, 0.09), "pale"),
        body(ellipse(-0.52, 0.38, 0.24, 0.24), "dark"),
        body(ellipse(0.52, 0.38, 0.24, 0.24), "dark"),
        detail(ellipse(-0.52, 0.38, 0.1, 0.1), "pale"),
        detail(ellipse(0.52, 0.38, 0.1, 0.1), "pale"),
    ]


def house() -> list[Shape]:
    return [
        body(box(0.35, -0.86, 0.58, -0.3), "shade"),
        body(box(-0.72, -0.2, 0.72, 0.85), "light"),
        body(polygon([(-0.98, -0.12), (0, -0.95), (0.98, -0.12)])),
        detail(box(-0.72, -0.12, 0.72, 0.0), "shade"),
        detail(box(-0.2, 0.3, 0.2, 0.85, 0.04), "main"),
        detail(ellipse(0.1, 0.6, 0.05, 0.05), "pale"),
        detail(box(-0.58, 0.16, -0.32, 0.46), "glass"),
        detail(box(0.32, 0.16, 0.58, 0.46), "glass"),
        detail(ellipse(0, -0.42, 0.14, 0.14), "pale"),
    ]


def tree() -> list[Shape]:
    layers = [
        body(box(-0.13, 0.55, 0.13, 0.98, 0.03), "wood"),
        body(polygon([(-0.78, 0.66), (0, -0.15), (0.78, 0.66)]), "main"),
        body(polygon([(-0.64, 0.2), (0, -0.58), (0.64, 0.2)]), "main"),
        body(polygon([(-0.48, -0.28), (0, -1.0), (0.48, -0.28)]), "main"),
    ]
    shades = [
        detail(polygon([(0.1, 0.66), (0.3, 0.2), (0.78, 0.66)]), "shade"),
        detail(polygon([(0.1, 0.2), (0.25, -0.28), (0.64, 0.2)]), "shade"),
        detail(polygon([(0.05, -0.28), (0, -1.0), (0.48, -0.28)]), "shade"),
    ]
    return [layers[0], layers[1], shades[0], layers[2], shades[1], layers[3], shades[2]]


def star() -> list[Shape]:
    radius = np.tile([1.0, 0.44], 5)
    angle = np.radians(np.arange(10) * 36 - 90)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle) + 0.06], axis=1)
    facets = [np.array([points[i], points[i + 1], [0.0, 0.06]]) for i in range(0, 10, 2)]
    return [body(points), *(detail(facet, "shade") for facet in facets)]


def boat() -> list[Shape]:
    return [
        body(box(-0.06, -0.95, 0.04, 0.4), "wood"),
        body(polygon([(0.08, -0.92), (0.78, 0.22), (0.08, 0.22)]), "pale"),
        body(polygon([(-0.1, -0.75), (-0.1, 0.22), (-0.66, 0.22)])),
        body(smooth([(-0.98, 0.38), (-0.3, 0.42), (0.4, 0.42), (0.98, 0.36), (0.68, 0.8), (0, 0.86), (-0.68, 0.8)])),
        detail(polygon([(-0.8, 0.6), (0.82, 0.6), (0.74, 0.72), (-0.74, 0.72)]), "shade"),
    ]


def umbrella() -> list[Shape]:
    hook = np.concatenate([polygon([(0, -0.5), (0, 0.7)]), arc(0.2, 0.7, 0.2, 0.22, 180, 10, 9)])
    rim = [arc(x, 0.1, 0.25, 0.16, 0, -180, 9) for x in (0.745, 0.25, -0.25, -0.745)]
    canopy = np.concatenate([arc(0, 0.1, 1.0, 0.95, -180, 0, 30), *rim])
    return [
        body(stroke(hook, 0.11), "wood"),
        body(stroke([(0, -1.0), (0, -0.8)], 0.1), "wood"),
        body(canopy),
        detail(np.concatenate([arc(0, 0.1, 0.5, 0.95, -90, 0, 12), arc(0.745, 0.1, 0.25, 0.16, -180, 0, 9),
                               arc(0, 0.1, 1.0, 0.95, 0, -90, 12)]), "shade"),
        detail(np.concatenate([arc(0, 0.1, 0.5, 0.95, 180, 270, 12), arc(0, 0.1, 0.2, 0.95, -90, -180, 12)]), "light"),
    ]  # fmt: skip


def apple() -> list[Shape]:
    flesh = [(0, -0.38), (0.4, -0.55), (0.8, -0.3), (0.84, 0.2), (0.56, 0.75), (0.22, 0.92), (0, 0.84)]
    left = [(-x, y) for x, y in flesh[-2:0:-1]]
    return [
        body(stroke([(0.0, -0.35), (0.03, -0.65), (0.12, -0.92)], 0.12), "wood"),
        body(smooth([(0.08, -0.6), (0.3, -0.92), (0.72, -0.9), (0.5, -0.6)]), "leaf"),
        body(smooth([*flesh, *left])),
        detail(ellipse(-0.42, -0.1, 0.14, 0.26, 20), "shine"),
        detail(smooth([(0.84, 0.1), (0.56, 0.75), (0.2, 0.9), (0.5, 0.5), (0.62, 0.1)]), "shade"),
    ]


def balloon() -> list[Shape]:
    string = [(0, 0.5), (0.06, 0.62), (-0.06, 0.76), (0.05, 0.88), (0, 1.0)]
    return [
        body(stroke(string, 0.06), "wood"),
        body(polygon([(0, 0.4), (0.14, 0.56), (-0.14, 0.56)]), "shade"),
        body(smooth([(0, -1), (0.5, -0.82), (0.68, -0.35), (0.42, 0.16), (0, 0.45), (-0.42, 0.16), (-0.68, -0.35),
                     (-0.5, -0.82)])),
        detail(smooth([(0.62, -0.3), (0.42, 0.14), (0.05, 0.4), (0.36, -0.05)]), "shade"),
        detail(ellipse(-0.3, -0.55, 0.13, 0.22, 25), "shine"),
    ]  # fmt: skip


def fish() -> list[Shape]:
    return [
        body(smooth([(0.45, 0), (0.72, -0.2), (1.0, -0.5), (0.88, 0), (1.0, 0.5), (0.72, 0.2)]), "shade"),
        body(smooth([(-0.3, -0.42), (0.1, -0.78), (0.35, -0.6), (0.3, -0.25)]), "shade"),
        body(smooth([(-0.98, 0.02), (-0.6, -0.4), (-0.1, -0.5), (0.4, -0.26), (0.68, 0), (0.4, 0.28), (-0.1, 0.52),
                     (-0.6, 0.42)])),
        detail(smooth([(-0.9, 0.12), (-0.5, 0.3), (0.1, 0.28), (0.6, 0.08), (0.35, 0.3), (-0.1, 0.5), (-0.6, 0.4)]),
               "light"),
        detail(smooth([(-0.05, 0), (0.25, -0.14), (0.3, 0.12), (0.05, 0.2)]), "shade"),
        detail(ellipse(-0.58, -0.1, 0.13, 0.13), "pale"),
        detail(ellipse(-0.6, -0.1, 0.07, 0.07), "dark"),
    ]  # fmt: skip


def bird() -> list[Shape]:
    return [
        body(stroke([(-0.08, 0.6), (-0.08, 0.95)], 0.08), "dark"),
        body(stroke([(0.16, 0.6), (0.16, 0.95)], 0.08), "dark"),
        body(polygon([(0.4, 0.0), (1.0, -0.28), (0.95, 0.12), (0.5, 0.4)]), "shade"),
        body(polygon([(-0.72, -0.5), (-1.0, -0.36), (-0.7, -0.26)]), "beak"),
        body(smooth([(-0.72, -0.55), (-0.4, -0.82), (-0.1, -0.6), (0.1, -0.24), (0.6, -0.02), (0.5, 0.48), (0.05, 0.72),
                     (-0.4, 0.52), (-0.66, 0)])),
        detail(smooth([(-0.2, 0.02), (0.2, -0.12), (0.62, 0.08), (0.35, 0.36), (0, 0.36)]), "shade"),
        detail(ellipse(-0.46, -0.48, 0.1, 0.1), "pale"),
        detail(ellipse(-0.48, -0.48, 0.06, 0.06), "dark"),
    ]  # fmt: skip


def cat() -> list[Shape]:
    tail = np.concatenate([arc(0.52, 0.5, 0.38, 0.36, 90, -60, 12), polygon([(0.74, 0.05), (0.84, -0.12)])])
    ear = polygon([(-0.5, -0.95), (-0.05, -0.66), (-0.5, -0.35)])
    return [
        body(stroke(tail, 0.17), "shade"),
        body(smooth([(-0.4, 0.9), (-0.38, 0.3), (-0.18, -0.05), (0.18, -0.05), (0.42, 0.35), (0.48, 0.9), (0, 0.95)])),
        body(ear),
        body(mirror(ear)),
        body(ellipse(0, -0.38, 0.52, 0.42)),
        detail(ellipse(0, 0.55, 0.2, 0.32), "light"),
        detail(ellipse(-0.2, -0.42, 0.1, 0.12), "pale"),
        detail(ellipse(0.2, -0.42, 0.1, 0.12), "pale"),
        detail(ellipse(-0.2, -0.41, 0.05, 0.09), "dark"),
        detail(ellipse(0.2, -0.41, 0.05, 0.09), "dark"),
        detail(polygon([(-0.07, -0.24), (0.07, -0.24), (0, -0.15)]), "dark"),
    ]


def flower() -> list[Shape]:
    angles = np.radians(np.arange(6) * 60 - 90)
    petals = [ellipse(0.38 * np.cos(a), -0.36 + 0.38 * np.sin(a), 0.3, 0.21, np.degrees(-a)) for a in angles]
    return [
        body(stroke([(0, 0), (0.03, 0.5), (0, 1.0)], 0.1), "leaf"),
        body(smooth([(0.02, 0.78), (0.2, 0.46), (0.56, 0.36), (0.44, 0.68)]), "leaf"),
        *(body(petal) for petal in petals),
        detail(ellipse(0, -0.36, 0.22, 0.22), "gold"),
    ]


def mushroom() -> list[Shape]:
    cap = np.concatenate([arc(0, 0.05, 0.98, 0.92, -180, 0, 28), arc(0, 0.05, 0.98, 0.2, 0, 180, 16)])
    return [
        body(smooth([(-0.26, 0.0), (0.26, 0.0), (0.24, 0.45), (0.36, 0.9), (0, 0.97), (-0.36, 0.9), (-0.24, 0.45)]),
             "pale"),
        body(cap),
        detail(ellipse(-0.5, -0.22, 0.16, 0.17), "spot"),
        detail(ellipse(0.06, -0.52, 0.2, 0.17), "spot"),
        detail(ellipse(0.55, -0.18, 0.15, 0.17), "spot"),
        detail(ellipse(0.06, 0.0, 0.12, 0.09), "spot"),
    ]  # fmt: skip


def kite() -> list[Shape]:
    tail = [(-0.1, 0.4), (-0.3, 0.55), (-0.2, 0.7), (-0.5, 0.78), (-0.5, 0.95), (-0.85, 0.95)]
    bow = polygon([(-0.16, -0.1), (0, 0), (-0.16, 0.1), (0.16, 0.1), (0, 0), (0.16, -0.1)])
    bows = [bow + at for at in ((-0.3, 0.66), (-0.62, 0.9))]
    return [
        body(stroke(tail, 0.06), "wood"),
        *(body(knot, "shade") for knot in bows),
        body(polygon([(0.62, -0.98), (0.86, 0.02), (-0.12, 0.48), (-0.3, -0.48)])),
        detail(polygon([(0.62, -0.98), (0.28, -0.24), (-0.3, -0.48)]), "light"),
        detail(polygon([(0.86, 0.02), (0.28, -0.24), (-0.12, 0.48)]), "shade"),
    ]


def cup() -> list[Shape]:
    return [
        body(stroke(arc(0.48, 0.1, 0.4, 0.34, -95, 95, 16), 0.17), "shade"),
        body(np.concatenate([polygon([(-0.8, -0.52), (0.56, -0.52)]), arc(-0.12, 0.5, 0.62, 0.36, 0, 180, 14)])),
        body(ellipse(-0.12, -0.52, 0.68, 0.17), "light"),
        detail(ellipse(-0.12, -0.5, 0.56, 0.11), "coffee"),
        detail(stroke([(-0.6, -0.2), (-0.55, 0.5)], 0.12), "shine"),
    ]


def book() -> list[Shape]:
    leaf = smooth([(0, -0.5), (0.3, -0.62), (0.9, -0.5), (0.9, 0.1), (0.9, 0.5), (0.3, 0.42), (0, 0.55), (0, 0)])
    page = polygon([(0.04, -0.42), (0.28, -0.5), (0.8, -0.4), (0.8, 0.38), (0.28, 0.3), (0.04, 0.4)])
    lines = [polygon([(0.15, y), (0.68, y + 0.05), (0.68, y + 0.11), (0.15, y + 0.06)]) for y in (-0.28, -0.08, 0.12)]
    cover = polygon([(0, -0.62), (0.4, -0.76), (1.0, -0.64), (1.0, 0.66), (0.4, 0.56), (0, 0.74)])
    return [
        body(cover),
        body(mirror(cover)),
        detail(leaf * (0.92, 1.0), "shade"),
        detail(mirror(leaf) * (0.92, 1.0), "shade"),
        detail(page, "pale"),
        detail(mirror(page), "pale"),
        *(detail(line, "main") for line in lines),
        *(detail(mirror(line), "main") for line in lines),
    ]


def rocket() -> list[Shape]:
    fin = smooth([(0.3, 0.1), (0.72, 0.5), (0.66, 0.86), (0.32, 0.6)])
    return [
        body(smooth([(-0.2, 0.6), (0.2, 0.6), (0.14, 0.8), (0, 1.0), (-0.14, 0.8)]), "flame"),
        body(fin, "shade"),
        body(mirror(fin), "shade"),
        body(smooth([(0, -1), (0.28, -0.62), (0.4, -0.1), (0.32, 0.5), (0.2, 0.68), (-0.2, 0.68), (-0.32, 0.5),
                     (-0.4, -0.1), (-0.28, -0.62)])),
        detail(smooth([(0.05, -0.9), (0.26, -0.6), (0.38, -0.1), (0.3, 0.5), (0.12, 0.66), (0.2, 0)]), "shade"),
        detail(ellipse(0, -0.22, 0.2, 0.2), "pale"),
        detail(ellipse(0, -0.22, 0.13, 0.13), "glass"),
    ]  # fmt: skip


def hat() -> list[Shape]:
    crown = polygon([(-0.52, 0.5), (-0.6, -0.72), (0.6, -0.72), (0.52, 0.5)])
    return [
        body(ellipse(0, 0.5, 0.98, 0.24)),
        body(crown),
        body(ellipse(0, -0.72, 0.6, 0.12), "light"),
        detail(np.concatenate([arc(0, 0.5, 0.53, 0.14, 180, 0, 16), polygon([(0.54, 0.24)]),
                               arc(0, 0.22, 0.54, 0.12, 0, 180, 16)]), "band"),
        detail(stroke([(-0.44, -0.45), (-0.4, 0.15)], 0.12), "shine"),
    ]  # fmt: skip


def key() -> list[Shape]:
    parts = [ring(0, -0.52, 0.46, 0.22), box(-0.11, -0.16, 0.11, 0.98, 0.03), box(0.0, 0.42, 0.46, 0.6, 0.03),
             box(0.0, 0.76, 0.38, 0.94, 0.03)]  # fmt: skip
    return [body(rotate(part, 24)) for part in parts]


def heart() -> list[Shape]:
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    outline = np.stack([x / 17, -y / 16 - 0.1], axis=1)
    return [
        body(outline),
        detail(smooth([(0.9, -0.25), (0.55, 0.35), (0.02, 0.92), (0.4, 0.3), (0.68, -0.2)]), "shade"),
        detail(ellipse(-0.48, -0.42, 0.14, 0.22, -35), "shine"),
    ]


def chair() -> list[Shape]:
    return [
        body(polygon([(0.5, 0.25), (0.66, 0.25), (0.76, 0.98), (0.6, 0.98)]), "shade"),
        body(polygon([(-0.36, 0.25), (-0.2, 0.25), (-0.22, 0.98), (-0.38, 0.98)]), "shade"),
        body(polygon([(-0.66, -0.98), (-0.44, -0.98), (-0.36, 0.2), (-0.6, 0.98), (-0.78, 0.98), (-0.6, 0.2)])),
        body(box(-0.64, 0.02, 0.74, 0.28, 0.08)),
        detail(box(-0.6, 0.19, 0.72, 0.28), "shade"),
        body(box(-0.74, -0.98, -0.36, -0.1, 0.1)),
        detail(box(-0.64, -0.86, -0.5, -0.24, 0.05), "light"),
    ]


def butterfly() -> list[Shape]:
    upper = smooth([(0.04, -0.1), (0.3, -0.68), (0.8, -0.84), (0.98, -0.5), (0.74, -0.02), (0.3, 0.1)])
    lower = smooth([(0.04, 0.02), (0.5, 0.04), (0.78, 0.32), (0.62, 0.76), (0.3, 0.74), (0.08, 0.32)])
    feeler = stroke([(0.02, -0.48), (0.1, -0.74), (0.26, -0.92)], 0.06)
    return [
        *(body(wing, "shade") for wing in (lower, mirror(lower))),
        *(body(wing) for wing in (upper, mirror(upper))),
        *(detail(spot, "spot") for spot in (ellipse(0.64, -0.48, 0.15, 0.15), ellipse(-0.64, -0.48, 0.15, 0.15))),
        *(body(line, "dark") for line in (feeler, mirror(feeler))),
        body(ellipse(0, 0.05, 0.1, 0.55), "dark"),
    ]


def bottle() -> list[Shape]:
    right = [(0.15, -0.82), (0.15, -0.5), (0.4, -0.2), (0.44, 0.1), (0.44, 0.92)]
    return [
        body(box(-0.19, -1.0, 0.19, -0.8, 0.04), "wood"),
        body(polygon([*right, *((-x, y) for x, y in right[::-1])])),
        detail(polygon([(0.2, -0.42), (0.4, -0.2), (0.44, 0.1), (0.44, 0.92), (0.24, 0.92)]), "shade"),
        detail(box(-0.44, 0.18, 0.44, 0.62), "pale"),
        detail(box(-0.28, 0.3, 0.28, 0.38), "main"),
        detail(box(-0.28, 0.45, 0.16, 0.52), "main"),
        detail(stroke([(-0.28, -0.14), (-0.32, 0.12)], 0.1), "shine"),
    ]


def bell() -> list[Shape]:
    flank = [(0.0, -0.78), (0.3, -0.68), (0.46, -0.36), (0.52, 0.1), (0.64, 0.36), (0.9, 0.56)]
    return [
        body(ring(0, -0.82, 0.17, 0.09), "shade"),
        body(ellipse(0, 0.72, 0.2, 0.2), "dark"),
        body(polygon([*flank, *((-x, y) for x, y in flank[:0:-1])])),
        body(box(-0.96, 0.5, 0.96, 0.72, 0.1)),
        detail(polygon([(0.1, -0.76), (0.3, -0.68), (0.46, -0.36), (0.52, 0.1), (0.64, 0.36), (0.84, 0.5), (0.3, 0.5)]),
               "shade"),
        detail(stroke([(-0.26, -0.46), (-0.36, 0.1)], 0.13), "shine"),
    ]  # fmt: skip


def guitar() -> list[Shape]:
    parts = [
        body(box(-0.07, -0.86, 0.07, 0.0), "wood"),
        body(box(-0.15, -1.02, 0.15, -0.72, 0.04), "shade"),
        body(smooth([(0, -0.12), (0.34, -0.08), (0.36, 0.2), (0.3, 0.32), (0.54, 0.58), (0.42, 0.94), (0, 1.02),
                     (-0.42, 0.94), (-0.54, 0.58), (-0.3, 0.32), (-0.36, 0.2), (-0.34, -0.08)])),
        detail(ellipse(0, 0.32, 0.16, 0.16), "dark"),
        detail(box(-0.2, 0.68, 0.2, 0.77, 0.02), "dark"),
        detail(box(-0.025, -0.7, 0.025, 0.7), "pale"),
    ]  # fmt: skip
    return [Shape(rotate(part.points, -32), part.role, part.outlined) for part in parts]


def crown() -> list[Shape]:
    spikes = [(-0.98, -0.5), (-0.48, 0.02), (0, -0.78), (0.48, 0.02), (0.98, -0.5)]
    tips = [ellipse(x, y, 0.13, 0.13) for x, y in ((-0.95, -0.52), (0, -0.8), (0.95, -0.52))]
    return [
        body(polygon([*spikes, (0.76, 0.72), (-0.76, 0.72)])),
        *(body(tip, "light") for tip in tips),
        detail(polygon([(-0.8, 0.4), (0.8, 0.4), (0.76, 0.72), (-0.76, 0.72)]), "shade"),
        *(detail(ellipse(x, 0.56, 0.1, 0.1), "pale") for x in (-0.45, 0.0, 0.45)),
    ]


KINDS: dict[str, Callable[[], list[Shape]]] = {
    "apple": apple, "balloon": balloon, "bell": bell, "bird": bird, "boat": boat, "book": book, "bottle": bottle,
    "butterfly": butterfly, "car": car, "cat": cat, "chair": chair, "crown": crown, "cup": cup, "fish": fish,
    "flower": flower, "guitar": guitar, "hat": hat, "heart": heart, "house": house, "key": key, "kite": kite,
    "mushroom": mushroom, "rocket": rocket, "star": star, "tree": tree, "umbrella": umbrella,
}  # fmt: skip
