"""From a scene to a picture: shaded, outlined objects with soft shadows, in front of their background."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from demo.scenes.backgrounds import backdrop
from demo.scenes.composition import Placed, Scene, layout
from demo.scenes.object_kinds import KINDS
from demo.scenes.palette import Colour, jitter, paints
from demo.scenes.shapes import Shape, mirror, rotate

OUTLINE = 0.045  # half the pen's width, as a share of an object's half-width
DARK_PLACES = ("night", "sunset")  # where a pale rim keeps dark objects visible
SHADOW_SIDE = 128


def draw(scene: Scene, size: int = 512) -> Image.Image:
    """Paint the scene as an RGB picture of `size` x `size` pixels; the same scene gives the same pixels."""
    finer = 3 if size < 128 else 2
    side = size * finer
    placed = layout(scene)
    canvas = backdrop(scene.background, side, scene.seed)
    canvas.paste((24, 26, 48), (0, 0), _shadows(placed, side))
    dice = random.Random(f"paint {scene.seed}")
    mains = [jitter(group.colour, dice) for group in scene.groups]
    for spot in placed:
        group = scene.groups[spot.group]
        colours = paints(group.colour, mains[spot.group])
        layer, corner = _object(group.kind, colours, spot, side, rim=scene.background in DARK_PLACES)
        canvas.paste(layer, corner, layer)
    return canvas.reduce(finer)


def _shadows(placed: list[Placed], side: int) -> Image.Image:
    """An L mask with a soft ellipse under every object."""
    mask = Image.new("L", (SHADOW_SIDE * 2, SHADOW_SIDE * 2))
    pen = ImageDraw.Draw(mask)
    for spot in placed:
        x, y, r = (v * SHADOW_SIDE * 2 for v in (spot.x, spot.y + spot.half * 0.97, spot.half))
        pen.ellipse((x - r * 0.82, y - r * 0.17, x + r * 0.82, y + r * 0.17), fill=105)
    soft = mask.filter(ImageFilter.GaussianBlur(3.2)).reduce(2)
    return soft.resize((side, side), Image.Resampling.BICUBIC)


def _object(
    kind: str, colours: dict[str, Colour], spot: Placed, side: int, *, rim: bool
) -> tuple[Image.Image, tuple[int, int]]:
    """One object as an RGBA layer, and the corner of the canvas where it belongs."""
    scale = spot.half * side
    reach = math.ceil(scale * 1.3)
    left, top = math.floor(spot.x * side) - reach, math.floor(spot.y * side) - reach
    offset = (spot.x * side - left, spot.y * side - top)

    def on_layer(shape: Shape) -> list[tuple[float, float]]:
        points = mirror(shape.points) if spot.flipped else shape.points
        # 0.94: a tilted corner and its outline still stay within the object's square
        turned = rotate(points, spot.tilt) * (scale * 0.94) + offset
        return [(float(x), float(y)) for x, y in turned]

    shapes = [(shape, on_layer(shape)) for shape in KINDS[kind]()]
    layer = Image.new("RGBA", (2 * reach, 2 * reach), (*colours["outline"], 0))
    pen = ImageDraw.Draw(layer)
    width = 2 * OUTLINE * scale
    if rim:
        for shape, points in shapes:
            if shape.outlined:
                _trace(pen, points, (236, 238, 255, 210), width * 1.9)
    for shape, points in shapes:
        if shape.outlined:
            _trace(pen, points, (*colours["outline"], 255), width)
    for shape, points in shapes:
        pen.polygon(points, fill=(*colours[shape.role], 255))
        if shape.outlined:
            _trace(pen, points, (*colours["outline"], 255), width * 0.3)
    return _shade(layer), (left, top)


def _trace(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: tuple[int, ...], width: float) -> None:
    """Draw round a closed polygon with a round pen."""
    pen.line([*points, points[0], points[1]], fill=colour, width=max(1, round(width)), joint="curve")


def _shade(layer: Image.Image) -> Image.Image:
    """Light the layer from the upper left: brighter there, darker at the lower right."""
    side = layer.width
    slope = np.linspace(0, 1, side, dtype=np.float32)
    shade = np.clip((slope[None, :] * 0.35 + slope[:, None] * 0.65 - 0.15) / 0.7, 0, 1)  # (side, side), 0 is lit
    factor = Image.fromarray((255 - 40 * shade).astype(np.uint8))
    red, green, blue, alpha = layer.split()
    bands = [ImageChops.multiply(band, factor) for band in (red, green, blue)]
    return Image.merge("RGBA", (*bands, alpha))
