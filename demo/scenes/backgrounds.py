"""The places scenes are set in, painted in fractions of the frame so that every resolution shows the same place."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from demo.scenes.palette import Colour, mix
from demo.scenes.shapes import Points, ellipse, polygon

Painter: TypeAlias = Callable[["Canvas", random.Random], None]
WHITE: Colour = (255, 255, 255)


class Canvas:
    """A square picture addressed in fractions of its side."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.image = Image.new("RGB", (side, side))

    def fade(self, top: Colour, bottom: Colour, start: float = 0.0, stop: float = 1.0) -> None:
        """Fill the rows from `start` to `stop` with a vertical gradient."""
        first, last = round(start * self.side), round(stop * self.side)
        share = np.linspace(0, 1, max(last - first, 2))[:, None, None]
        column = np.asarray(top) * (1 - share) + np.asarray(bottom) * share  # (rows, 1, 3) float64
        strip = Image.fromarray(np.round(column).astype(np.uint8)).resize((self.side, max(last - first, 1)))
        self.image.paste(strip, (0, first))

    def fill(self, points: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Fill one polygon."""
        flat = [(float(x), float(y)) for x, y in points * self.side]
        if opacity >= 1:
            ImageDraw.Draw(self.image).polygon(flat, fill=colour)
            return
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon(flat, fill=round(255 * opacity))
        self.image.paste(colour, (0, 0), mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, opacity: float) -> None:
        """A soft round light."""
        grid = (np.arange(96) + 0.5) / 96
        far = np.hypot(grid[None, :] - x, grid[:, None] - y) / radius
        soft = np.clip(1 - far, 0, 1) ** 2 * 255 * opacity
        mask = Image.fromarray(soft.astype(np.uint8)).resize(self.image.size, Image.Resampling.BICUBIC)
        self.image.paste(colour, (0, 0), mask)


def hill(dice: random.Random, height: float, swing: float, waves: float) -> Points:
    """The ground below a rolling line."""
    x = np.linspace(-0.02, 1.02, 40)
    y = height + swing * np.sin(x * waves * np.pi + dice.uniform(0, 6.28))
    return np.concatenate([np.stack([x, y], axis=1), polygon([(1.02, 1.02), (-0.02, 1.02)])])


def cloud(canvas: Canvas, x: float, y: float, size: float, colour: Colour, opacity: float) -> None:
    for dx, dy, r in ((-0.9, 0.1, 0.5), (-0.2, -0.2, 0.75), (0.6, 0.0, 0.6)):
        canvas.fill(ellipse(x + dx * size, y + dy * size, r * size, r * size * 0.62), colour, opacity)


def meadow(canvas: Canvas, dice: random.Random) -> None:
    horizon = dice.uniform(0.3, 0.4)
    canvas.fade((164, 214, 246), (228, 244, 250), 0, horizon + 0.06)
    for _ in range(2):
        cloud(canvas, dice.uniform(0.1, 0.9), dice.uniform(0.06, 0.18), dice.uniform(0.06, 0.09), WHITE, 0.75)
    canvas.fill(hill(dice, horizon, 0.03, 2), (176, 214, 134))
    canvas.fill(hill(dice, horizon + 0.1, 0.035, 1.6), (156, 204, 112))
    canvas.fill(hill(dice, horizon + 0.3, 0.03, 1.4), (140, 192, 98))
    for _ in range(26):
        x, y = dice.uniform(0, 1), dice.uniform(horizon + 0.12, 0.98)
        canvas.fill(polygon([(x - 0.012, y), (x - 0.008, y - 0.03), (x, y - 0.004), (x + 0.008, y - 0.034),
                             (x + 0.012, y)]), (116, 172, 82))  # fmt: skip


def night(canvas: Canvas, dice: random.Random) -> None:
    canvas.fade((16, 22, 56), (58, 66, 122))
    x = dice.choice([dice.uniform(0.1, 0.25), dice.uniform(0.75, 0.9)])
    canvas.glow(x, 0.13, 0.3, (190, 200, 255), 0.4)
    canvas.fill(ellipse(x, 0.13, 0.065, 0.065), (250, 244, 214))
    canvas.fill(ellipse(x + 0.028, 0.118, 0.052, 0.052), (46, 54, 100))
    for _ in range(34):
        r = dice.uniform(0.002, 0.0042)
        canvas.fill(ellipse(dice.uniform(0, 1), dice.uniform(0, 0.75), r, r, steps=8), (236, 240, 255))
    canvas.fill(hill(dice, 0.8, 0.03, 2.2), (34, 42, 84))
    canvas.fill(hill(dice, 0.89, 0.025, 1.7), (24, 30, 66))


def sea(canvas: Canvas, dice: random.Random) -> None:
    horizon = dice.uniform(0.24, 0.34)
    canvas.fade((188, 226, 248), (240, 248, 250), 0, horizon)
    cloud(canvas, dice.uniform(0.15, 0.85), dice.uniform(0.07, 0.14), dice.uniform(0.06, 0.09), WHITE, 0.8)
    canvas.fade((110, 190, 214), (42, 122, 168), horizon, 1)
    for step in range(9):
        y = horizon + 0.04 + (0.96 - horizon) * step / 9 + dice.uniform(0, 0.02)
        swell = 0.006 + 0.006 * step / 9
        for _ in range(3):
            start, length = dice.uniform(-0.05, 0.95), dice.uniform(0.08, 0.2)
            x = np.linspace(start, start + length, 16)
            crest = y + swell * np.sin((x - start) / length * 3 * np.pi)
            line = np.concatenate([np.stack([x, crest], 1), np.stack([x, crest + 0.007], 1)[::-1]])
            canvas.fill(line, (208, 238, 244), 0.65)


def snow(canvas: Canvas, dice: random.Random) -> None:
    horizon = dice.uniform(0.3, 0.4)
    canvas.fade((176, 198, 222), (222, 232, 242), 0, horizon + 0.06)
    for _ in range(5):
        x, h = dice.uniform(0, 1), dice.uniform(0.08, 0.14)
        canvas.fill(polygon([(x - h * 0.4, horizon + 0.04), (x, horizon - h), (x + h * 0.4, horizon + 0.04)]),
                    (146, 172, 190))  # fmt: skip
    canvas.fill(hill(dice, horizon, 0.025, 2), (226, 235, 245))
    canvas.fill(hill(dice, horizon + 0.14, 0.035, 1.5), (236, 243, 250))
    canvas.fill(hill(dice, horizon + 0.36, 0.03, 1.3), (244, 249, 253))
    for _ in range(60):
        r = dice.uniform(0.004, 0.009)
        canvas.fill(ellipse(dice.uniform(0, 1), dice.uniform(0, 1), r, r, steps=10), WHITE)


def desert(canvas: Canvas, dice: random.Random) -> None:
    horizon = dice.uniform(0.34, 0.42)
    canvas.fade((250, 226, 176), (254, 242, 214), 0, horizon + 0.06)
    x = dice.uniform(0.15, 0.85)
    canvas.glow(x, 0.13, 0.28, (255, 250, 220), 0.9)
    canvas.fill(ellipse(x, 0.13, 0.06, 0.06), (255, 246, 206))
    for height, colour in ((0.0, (236, 206, 146)), (0.14, (228, 192, 126)), (0.36, (218, 178, 110))):
        canvas.fill(hill(dice, horizon + height, 0.04, 1.5), colour)
    for _ in range(2):
        x, y, s = dice.uniform(0.06, 0.94), horizon + dice.uniform(0.02, 0.08), dice.uniform(0.03, 0.045)
        green = (138, 156, 104)
        canvas.fill(ellipse(x, y - s, 0.26 * s, 1.3 * s), green)
        canvas.fill(ellipse(x - 0.6 * s, y - 1.1 * s, 0.18 * s, 0.6 * s), green)
        canvas.fill(ellipse(x + 0.6 * s, y - 0.9 * s, 0.18 * s, 0.6 * s), green)


def sunset(canvas: Canvas, dice: random.Random) -> None:
    horizon = dice.uniform(0.6, 0.68)
    canvas.fade((120, 92, 158), (250, 172, 148), 0, horizon * 0.75)
    canvas.fade((250, 172, 148), (255, 214, 150), horizon * 0.75, 1)
    x = dice.uniform(0.25, 0.75)
    canvas.glow(x, horizon - 0.06, 0.5, (255, 236, 180), 0.8)
    canvas.fill(ellipse(x, horizon - 0.04, 0.12, 0.12), (255, 232, 170))
    for _ in range(3):
        y, left, wide = dice.uniform(0.1, 0.4), dice.uniform(-0.1, 0.8), dice.uniform(0.2, 0.35)
        canvas.fill(ellipse(left + wide / 2, y, wide / 2, 0.013), (255, 206, 190), 0.6)
    canvas.fill(hill(dice, horizon + 0.04, 0.03, 2.2), (142, 96, 138))
    canvas.fill(hill(dice, horizon + 0.16, 0.03, 1.6), (112, 76, 122))


PASTELS: tuple[Colour, ...] = ((232, 222, 240), (216, 230, 240), (238, 230, 210), (220, 236, 222), (242, 222, 220))


def plain(canvas: Canvas, dice: random.Random) -> None:
    tint = dice.choice(PASTELS)
    canvas.fade(mix(tint, WHITE, 0.45), mix(tint, (150, 150, 170), 0.12))


def stripes(canvas: Canvas, dice: random.Random) -> None:
    tint = dice.choice(PASTELS)
    canvas.fade(mix(tint, WHITE, 0.6), mix(tint, WHITE, 0.45))
    band = dice.uniform(0.055, 0.075)
    lean = dice.choice([-0.6, 0.6])
    for step in range(-14, 32):
        x = 2 * step * band
        canvas.fill(
            polygon([(x, 0), (x + band, 0), (x + band + lean, 1), (x + lean, 1)]), mix(tint, (120, 120, 150), 0.3)
        )


def checks(canvas: Canvas, dice: random.Random) -> None:
    tint = dice.choice(PASTELS)
    canvas.fade(mix(tint, WHITE, 0.6), mix(tint, WHITE, 0.45))
    number = dice.choice([8, 9, 10])
    cell = 1 / number
    for row in range(number):
        for column in range(row % 2, number, 2):
            left, top = column * cell, row * cell
            canvas.fill(polygon([(left, top), (left + cell, top), (left + cell, top + cell), (left, top + cell)]),
                        mix(tint, (120, 120, 150), 0.3))  # fmt: skip


def dots(canvas: Canvas, dice: random.Random) -> None:
    tint = dice.choice(PASTELS)
    canvas.fade(mix(tint, WHITE, 0.6), mix(tint, WHITE, 0.45))
    number = dice.choice([8, 9, 10])
    cell = 1 / number
    for row in range(-1, number + 1):
        for column in range(-1, number + 1):
            x = (column + 0.5 + 0.5 * (row % 2)) * cell
            canvas.fill(ellipse(x, (row + 0.5) * cell, cell * 0.29, cell * 0.29), mix(tint, (120, 120, 150), 0.36))


BACKGROUNDS: dict[str, Painter] = {
    "meadow": meadow, "night": night, "sea": sea, "snow": snow, "desert": desert, "sunset": sunset,
    "plain": plain, "stripes": stripes, "checks": checks, "dots": dots,
}  # fmt: skip


def backdrop(name: str, side: int, seed: int) -> Image.Image:
    """The named place as a square RGB picture; the same seed gives the same place at any `side`."""
    canvas = Canvas(side)
    BACKGROUNDS[name](canvas, random.Random(f"backdrop {name} {seed}"))
    return canvas.image
