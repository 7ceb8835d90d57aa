"""The colours objects come in, and the paints made of each: body, shade, highlight, outline."""

from __future__ import annotations

import colorsys
import random
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]

# name -> (hue in degrees, saturation, value), and how far each may stray in one scene. The ranges do not touch.
COLOURS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "red": ((357, 0.86, 0.86), (4, 0.05, 0.06)),
    "orange": ((27, 0.90, 0.97), (4, 0.06, 0.03)),
    "yellow": ((51, 0.82, 0.98), (4, 0.08, 0.02)),
    "green": ((130, 0.68, 0.64), (13, 0.08, 0.07)),
    "blue": ((218, 0.80, 0.84), (8, 0.08, 0.08)),
    "purple": ((277, 0.64, 0.66), (7, 0.07, 0.07)),
    "pink": ((335, 0.42, 0.99), (6, 0.05, 0.01)),
    "brown": ((24, 0.66, 0.46), (4, 0.05, 0.05)),
    "black": ((230, 0.14, 0.15), (20, 0.05, 0.03)),
    "white": ((215, 0.03, 0.97), (20, 0.02, 0.02)),
    "grey": ((215, 0.07, 0.56), (20, 0.03, 0.05)),
}

# Paints that keep their colour whatever the object's; small and muted, so that the object's own colour prevails.
FIXED: dict[str, Colour] = {
    "dark": (45, 48, 62),
    "pale": (250, 245, 232),
    "glass": (196, 224, 238),
    "wood": (128, 104, 88),
    "leaf": (104, 152, 96),
    "gold": (240, 204, 112),
    "beak": (236, 172, 84),
    "coffee": (98, 70, 56),
    "flame": (248, 180, 84),
}


def jitter(colour: str, dice: random.Random) -> Colour:
    """Draw one shade out of the named colour's range."""
    centre, reach = COLOURS[colour]
    hue, saturation, value = (c + r * dice.uniform(-1, 1) for c, r in zip(centre, reach, strict=True))
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Mix `share` of the other colour into the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def paints(name: str, main: Colour) -> dict[str, Colour]:
    """Role -> paint for an object whose body is `main`, a shade of the named colour."""
    white, ink = (255, 255, 255), (18, 20, 40)
    own = {
        "main": main,
        "shade": mix(main, ink, 0.30 if name == "black" else 0.20),
        "light": mix(main, white, 0.14 if name in ("black", "brown") else 0.34),
        "shine": mix(main, white, 0.38 if name == "black" else 0.62),
        "spot": mix(main, white, 0.80),
        "band": mix(main, ink, 0.50),
        "outline": mix(main, ink, 0.62),
    }
    if name == "black":
        own |= {"outline": (12, 13, 24), "spot": (186, 190, 202), "band": (104, 110, 128)}
    if name == "white":
        own |= {"shade": (206, 213, 226), "light": (255, 255, 255), "spot": (196, 204, 220), "outline": (112, 120, 142)}
    return FIXED | own
