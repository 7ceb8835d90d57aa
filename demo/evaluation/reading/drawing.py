"""Drawn lines and pages of text, and what a camera does to them: perspective, uneven light, blur, noise, JPEG."""

import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont


def choose_colours(rng: random.Random, contrast: int = 90) -> tuple[Colour, Colour]:
    """Choose a background and an ink whose luminances differ by `contrast` of 255 at least."""
    while True:
        back, ink = (tuple(rng.randint(0, 255) for _ in range(3)) for _ in range(2))
        if abs(_luminance(back) - _luminance(ink)) >= contrast:
            return back, ink  # type: ignore[return-value]


def _luminance(colour: tuple[int, ...]) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def draw_line(rng: random.Random, text: str, font: Font, colours: tuple[Colour, Colour]) -> Image.Image:
    """Draw one line that fills its picture, as a detector cuts it out."""
    left, top, right, bottom = font.getbbox(text)
    height = max(1, bottom - top)
    margins = [max(1, round(height * rng.uniform(0.05, 0.35))) for _ in range(4)]
    size = (round(right - left) + margins[0] + margins[2], round(height) + margins[1] + margins[3])
    picture = Image.new("RGB", size, colours[0])
    ImageDraw.Draw(picture).text((margins[0] - left, margins[1] - top), text, fill=colours[1], font=font)
    return picture


def draw_page(rng: random.Random, lines: list[tuple[str, Font]], colours: tuple[Colour, Colour]) -> Image.Image:
    """Draw lines below each other, with a margin and an indent of their own."""
    boxes = [font.getbbox(text) for text, font in lines]
    margin = round(rng.uniform(0.5, 2) * max(font.size for _, font in lines))
    width = round(max(box[2] for box in boxes)) + 2 * margin
    height = round(sum(font.size * 1.6 for _, font in lines)) + 2 * margin
    picture = Image.new("RGB", (width, height), colours[0])
    draw, top = ImageDraw.Draw(picture), float(margin)
    for (text, font), box in zip(lines, boxes, strict=True):
        indent = rng.choice((0.0, 0.0, rng.random())) * (width - 2 * margin - box[2])
        draw.text((margin + indent, top), text, fill=colours[1], font=font)
        top += font.size * 1.6
    return picture


def degrade(rng: random.Random, line: Image.Image) -> Image.Image:
    """Degrade a line as cameras do: seen from the side, down to 8 px, blurred, noisy, as JPEG. A third stays clean."""
    if rng.random() < 0.33:
        return line
    line = _from_the_side(rng, line, 0.04).rotate(
        rng.uniform(-2, 2), Image.Resampling.BICUBIC, fillcolor=line.getpixel((0, 0))
    )
    if rng.random() < 0.6:
        height = rng.randint(8, 24)
        line = line.resize((max(4, line.width * height // line.height), height), Image.Resampling.BOX)
    line = line.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.06) * line.height))
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 16), (line.height, line.width, 3))
    line = Image.fromarray((np.asarray(line) + noise).clip(0, 255).astype(np.uint8))
    return _through_jpeg(line, rng.randint(30, 95))


def photograph(rng: random.Random, sign: Image.Image, strength: float = 1.0) -> Image.Image:
    """Photograph a sign: before a wall of another colour, from the side, in uneven light, blurred, noisy, as JPEG.

    `strength` 1 is a hand-held photograph in the evening: a blur of up to 1.2 px and noise of up to 16 of 255.
    """
    picture = _before_wall(rng, sign)
    picture = _from_the_side(rng, picture, 0.08 * strength)
    pixels = np.asarray(picture, dtype=np.float32) * _light(rng, picture.size, 0.5 * strength)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2) * strength))
    noise = np.random.default_rng(rng.getrandbits(32)).normal(
        0, rng.uniform(2, 16) * strength, (*picture.size[::-1], 3)
    )
    picture = Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
    return _through_jpeg(picture, rng.randint(max(10, round(75 - 35 * strength)), 92))


def _before_wall(rng: random.Random, sign: Image.Image) -> Image.Image:
    width, height = sign.size
    wall = Image.new(
        "RGB", (round(width * rng.uniform(1.1, 1.8)), round(height * rng.uniform(1.2, 2))), choose_colours(rng)[0]
    )
    wall.paste(sign, (rng.randint(0, wall.width - width), rng.randint(0, wall.height - height)))
    return wall


def _from_the_side(rng: random.Random, picture: Image.Image, most: float) -> Image.Image:
    width, height = picture.size
    shifts = [rng.uniform(0, most) for _ in range(8)]
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    source = [
        (x + sign[0] * dx * width, y + sign[1] * dy * height)
        for (x, y), sign, dx, dy in zip(corners, signs, shifts[::2], shifts[1::2], strict=True)
    ]
    return picture.transform(
        picture.size, Image.Transform.PERSPECTIVE, _homography(corners, source), Image.Resampling.BICUBIC,
        fillcolor=picture.getpixel((0, 0)),
    )  # fmt: skip


def _homography(source: object, target: object) -> list[float]:
    """Solve for Pillow's eight numbers, which take (x, y) of the output to the input."""
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):  # type: ignore[call-overload]
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.linalg.solve(np.array(rows, float), np.array(right, float)).tolist()  # type: ignore[no-any-return]


def _light(rng: random.Random, size: tuple[int, int], most: float) -> np.ndarray:
    """A slope of light from 1 down to 1 - `most`, in any direction: (H, W, 1) float32."""
    across, down = rng.uniform(-1, 1), rng.uniform(-1, 1)
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    slope = across * x + down * y
    slope = (slope - slope.min()) / max(1e-6, slope.max() - slope.min())
    return (1 - most * rng.random() * slope[:, :, None]).astype(np.float32)  # type: ignore[no-any-return]


def _through_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")
