"""Drawn pictures of one kind that look alike and are none of them another: what must not be taken for duplicates.

Every kind is drawn from a random generator; pictures of one series share layout and colours and differ in what a
person would call the content.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_SYLLABLES = "ba con de el fi gra hu in ka lo men no per qui ra sta ti".split()


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _word(chance: Generator) -> str:
    return "".join(chance.choice(_SYLLABLES, chance.integers(1, 5)))


def _number(chance: Generator, digits: int) -> str:
    return "".join(map(str, chance.integers(0, 10, digits)))


def page(chance: Generator, series: Generator, n: int) -> Image.Image:
    """A full page of text in one layout."""
    image = Image.new("L", (827, 1170), 255)
    draw = ImageDraw.Draw(image)
    font = _font(17)
    for line in range(44):
        x, y = 80.0, 80 + line * 23
        end = 740 if line % 9 != 8 else 400
        while True:
            word = _word(chance)
            if x + font.getlength(word) > end:
                break
            draw.text((x, y), word, 20, font)
            x += font.getlength(word + " ")
    return image.convert("RGB")


def invoice(chance: Generator, series: Generator, n: int) -> Image.Image:
    """A printed form, filled in with other numbers: the form is the series', the numbers are the picture's."""
    image = Image.new("RGB", (827, 1170), "white")
    draw = ImageDraw.Draw(image)
    draw.text((60, 50), f"{_word(series).title()} Ltd.", (20, 40, 120), _font(34))
    draw.text((560, 60), "INVOICE", "black", _font(28))
    draw.text((560, 110), f"No. {_number(chance, 6)}", "black", _font(16))
    draw.text((560, 135), f"Date 2026-0{chance.integers(1, 10)}-{chance.integers(10, 29)}", "black", _font(16))
    for n in range(4):
        draw.text((60, 150 + 24 * n), f"{_word(series)} {_word(series)}", "black", _font(16))
    draw.rectangle((60, 300, 767, 335), (225, 230, 240))
    rows = [f"{_word(series)} {_word(series)} {_word(series)}" for _ in range(10)]
    for n, text in enumerate(rows):
        y = 350 + 48 * n
        draw.text((70, y), text, "black", _font(16))
        draw.text((520, y), _number(chance, 2), "black", _font(16))
        draw.text((660, y), f"{_number(chance, 3)}.{_number(chance, 2)}", "black", _font(16))
        draw.line((60, y + 34, 767, y + 34), (200, 200, 200))
    draw.text((560, 880), f"Total {_number(chance, 4)}.{_number(chance, 2)}", "black", _font(20))
    for n in range(3):
        draw.text((60, 1030 + 22 * n), " ".join(_word(series) for _ in range(12)), (110, 110, 110), _font(13))
    return image


def receipt(chance: Generator, series: Generator, n: int) -> Image.Image:
    """The same but for one amount."""
    image = Image.new("RGB", (620, 877), "white")
    draw = ImageDraw.Draw(image)
    for row in range(20):
        draw.text((50, 50 + 36 * row), f"{_word(series)} {_word(series)} {_word(series)}", "black", _font(18))
        draw.text((480, 50 + 36 * row), f"{_number(chance if row == 11 else series, 5)}", "black", _font(18))
    return image


def chart(chance: Generator, series: Generator, n: int) -> Image.Image:
    """Axes, title and bars or a line of other values."""
    image = Image.new("RGB", (800, 600), "white")
    draw = ImageDraw.Draw(image)
    draw.text((250, 20), f"{_word(series)} {_word(series)}".title(), "black", _font(24))
    for n in range(6):
        draw.line((80, 80 + 80 * n, 760, 80 + 80 * n), (215, 215, 215))
        draw.text((40, 70 + 80 * n), str(100 - 20 * n), "black", _font(14))
    draw.line((80, 80, 80, 480, 760, 480), "black", 2)
    colour = tuple(series.integers(40, 200, 3).tolist())
    bars = series.random() < 0.5
    values = series.uniform(0.3, 0.9, 10) + chance.normal(0, 0.06, 10)
    tops = [480 - 400 * float(np.clip(value, 0.02, 1)) for value in values]
    for n, top in enumerate(tops):
        if bars:
            draw.rectangle((100 + 64 * n, top, 140 + 64 * n, 480), colour)
        draw.text((108 + 64 * n, 490), f"Q{n + 1}", "black", _font(14))
    if not bars:
        draw.line([(120 + 64 * n, top) for n, top in enumerate(tops)], colour, 3)
    return image


def night(chance: Generator, series: Generator, n: int) -> Image.Image:
    """Stars over a dark hill."""
    size = 900, 600
    glow = np.linspace(6, 26, size[1])[:, None, None] * np.asarray([0.6, 0.7, 1.2])
    pixels = np.broadcast_to(glow, (size[1], size[0], 3)) + chance.normal(0, 1.5, (size[1], size[0], 3))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(140):
        x, y, r = chance.uniform(0, size[0]), chance.uniform(0, 480), chance.exponential(0.8) + 0.4
        draw.ellipse((x - r, y - r, x + r, y + r), (int(chance.integers(110, 255)),) * 3)
    hill = [(x, 520 + 40 * math.sin(x / 170 + series.uniform(0, 0.01))) for x in range(0, 901, 20)]
    draw.polygon([*hill, (900, 600), (0, 600)], (3, 4, 6))
    return image


def sky(chance: Generator, series: Generator, n: int) -> Image.Image:
    """Blue, with other clouds."""
    height, width = 533, 800
    low, high = np.asarray([176, 208, 240]), np.asarray([70, 130, 210])
    share = np.linspace(0, 1, height)[:, None, None]
    pixels = np.broadcast_to(high * (1 - share) + low * share, (height, width, 3)).copy()
    cloud = np.zeros((height, width))
    for scale, weight in ((160, 1.0), (80, 0.5), (40, 0.25)):
        shape = width // scale + 2, height // scale + 2
        noise = Image.fromarray(chance.random((shape[1], shape[0])).astype(np.float32))
        cloud += weight * np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    cover = np.clip((cloud - 0.95) * series.uniform(0.8, 1.2), 0, 0.6)[..., None]
    return Image.fromarray((pixels * (1 - cover) + 250 * cover).astype(np.uint8))


def xray(chance: Generator, series: Generator, n: int) -> Image.Image:
    """Ribs in faint grey; what differs is a shadow between them."""
    height, width = 768, 640
    image = Image.new("L", (width, height), 18)
    draw = ImageDraw.Draw(image)
    draw.ellipse((70, 40, 570, 900), 62)
    for n in range(9):
        y = 110 + 62 * n + series.uniform(-4, 4)
        for x0, x1 in ((90, 320), (320, 550)):
            draw.arc((x0, y, x1, y + 120), 190, 350, 96, 9)
    draw.rectangle((302, 60, 338, 740), 112)
    image = image.filter(ImageFilter.GaussianBlur(5))
    pixels = np.asarray(image, np.float32)
    y, x = np.mgrid[:height, :width]
    for _ in range(2):
        at, wide = (chance.uniform(150, 600), chance.uniform(120, 520)), chance.uniform(14, 34)
        pixels = pixels + chance.uniform(12, 24) * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * wide**2))
    pixels = pixels + chance.normal(0, 1.5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert("RGB")


def product(chance: Generator, series: Generator, n: int) -> Image.Image:
    """A bottle on white: of a series, with another label, colour or shape."""
    image = Image.new("RGB", (700, 700), "white")
    draw = ImageDraw.Draw(image)
    body = series.integers(40, 210, 3)
    what = int(chance.integers(3))
    if what == 0:
        body = np.clip(body + chance.integers(-45, 46, 3), 0, 255)
    wide = 110 + (int(chance.integers(-25, 26)) if what == 1 else 0)
    fill = tuple(body.tolist())
    draw.ellipse((240, 610, 460, 640), (228, 228, 228))
    draw.rounded_rectangle((350 - wide, 230, 350 + wide, 625), 30, fill)
    draw.rectangle((315, 110, 385, 240), fill)
    draw.rectangle((308, 90, 392, 125), (60, 60, 60))
    draw.rectangle((350 - wide, 340, 350 + wide, 520), (240, 235, 220))
    draw.text((350 - wide + 14, 380), _word(chance).title(), "black", _font(40))
    draw.text((350 - wide + 14, 450), f"{_number(chance, 2)}0 ml", (90, 90, 90), _font(24))
    return image


def burst(chance: Generator, series: Generator, n: int) -> Image.Image:
    """Twelve people, of whom one looks another way, smiles or closes the eyes."""
    image = Image.new("RGB", (1200, 800), (120, 150, 110))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = series.uniform(0, 1200), series.uniform(0, 300)
        draw.ellipse((x, y, x + 90, y + 60), tuple((series.integers(40, 120, 3)).tolist()))
    changed, changed_mood = n % 12, 1 + n // 12 % 3
    for person in range(12):
        x, y = 130 + (person % 6) * 190, 260 + (person // 6) * 260
        skin = tuple((np.asarray([225, 180, 150]) - series.integers(0, 90)).tolist())
        draw.rectangle((x - 60, y + 50, x + 60, y + 240), tuple(series.integers(30, 220, 3).tolist()))
        draw.ellipse((x - 46, y - 58, x + 46, y + 58), skin)
        mood = changed_mood if person == changed else 0
        for eye in (-18, 18):
            if mood == 3:
                draw.line((x + eye - 8, y - 12, x + eye + 8, y - 12), (40, 30, 30), 3)
            else:
                draw.ellipse((x + eye - 8, y - 18, x + eye + 8, y - 6), "white")
                draw.ellipse((x + eye - 4, y - 16, x + eye + 4, y - 8), (40, 30, 30))
        box = (x - 20, y + 14, x + 20, y + 38)
        if mood == 0:
            draw.line((x - 16, y + 28, x + 16, y + 28), (120, 40, 40), 4)
        elif mood == 1:
            draw.arc(box, 20, 160, (120, 40, 40), 4)
        else:
            draw.ellipse((x - 12, y + 18, x + 12, y + 38), (90, 30, 30))
    noise = chance.normal(0, 2.5, (800, 1200, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def face(chance: Generator, series: Generator, n: int) -> Image.Image:
    """A yellow face with another curve of the mouth."""
    image = Image.new("RGB", (512, 512), (240, 240, 235))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 60, 452, 452), (250, 210, 60), (90, 70, 10), 6)
    for x in (175, 300):
        draw.ellipse((x, 170, x + 40, 220), (40, 30, 10))
    bend, middle = chance.uniform(-50, 50), chance.uniform(-20, 20)
    mouth = [(170 + 17 * n, 340 + bend * math.sin(math.pi * n / 10) + middle * n / 10) for n in range(11)]
    for one, other in pairwise(mouth):
        draw.line((*one, *other), (60, 30, 10), 10)
    return image


def screen(chance: Generator, series: Generator, n: int) -> Image.Image:
    """A table on a screen: the same columns, other cells."""
    image = Image.new("RGB", (1280, 720), (246, 247, 249))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1280, 56), (32, 60, 110))
    draw.text((24, 14), f"{_word(series)} {_word(series)}".title(), "white", _font(24))
    for n in range(14):
        y = 76 + 44 * n
        draw.rectangle((24, y, 1256, y + 40), "white", (225, 225, 225))
        draw.text((40, y + 10), f"{_word(series)} {_word(series)}", (40, 40, 40), _font(16))
        for column in range(4):
            text = f"{chance.integers(0, 1000):,}.{_number(chance, 2)}"
            draw.text((480 + 200 * column, y + 10), text, (40, 40, 40), _font(16))
    return image


def clock(chance: Generator, series: Generator, n: int) -> Image.Image:
    """A room in which only the hands of the clock move."""
    image = Image.new("RGB", (1000, 750), (205, 196, 180))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 560, 1000, 750), (120, 85, 60))
    for _ in range(25):
        x, y = series.uniform(0, 900), series.uniform(200, 600)
        box = x, y, x + series.uniform(30, 160), y + series.uniform(30, 160)
        draw.rectangle(box, tuple(series.integers(30, 220, 3).tolist()))
    draw.ellipse((440, 60, 560, 180), "white", "black", 4)
    for length, wide in ((30, 6), (48, 4)):
        angle = chance.uniform(0, 2 * math.pi)
        draw.line((500, 120, 500 + length * math.sin(angle), 120 - length * math.cos(angle)), "black", wide)
    return image


@dataclass(frozen=True)
class Kind:
    name: str
    draw: Callable[[Generator, Generator, int], Image.Image]


KINDS = [
    Kind(made.__name__, made)
    for made in (page, invoice, receipt, chart, night, sky, xray, product, burst, face, screen, clock)
]


def series(kind: Kind, count: int, seed: int) -> list[Image.Image]:
    """`count` pictures that share everything but what makes each another."""
    return [kind.draw(np.random.default_rng([seed, n]), np.random.default_rng(seed), n) for n in range(count)]
