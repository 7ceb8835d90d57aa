"""Measure how best to frame long pictures for a model of square inputs, on stitched scenes never trained on.

    python -m demo.evaluation.measure_long_pictures [--pictures 100]

Long pictures are asked for every thing that one of their scenes shows, such as "a red car". They have to be told from
long pictures that do not show it. Scenes that an end cuts through count as neither.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.bootstrap import Container
from core.domain.vectors import Matrix
from core.imaging.decode_request import Pixels
from core.imaging.tiling import tile_boxes
from core.ports.encoders import Encoder
from core.search.tile_encoding import encode_pictures
from core.settings import DEMO, load_settings
from demo.models.training_pool import EVALUATION_SEED
from demo.scenes.composition import Scene, random_scene
from demo.scenes.painting import draw

RATIOS = (2, 3, 4, 6)
_SIDE = 256
_CUT = 102  # pixels of a scene that are cut off where a picture does not begin with one
_NEUTRAL = (128, 128, 128)

Framing = Callable[[Image.Image, int], list[Image.Image]]


@dataclass(frozen=True, slots=True)
class LongPicture:
    """A long picture; `whole` are the scenes that it shows whole, `cut` those that its ends cut through."""

    image: Image.Image
    whole: Sequence[Scene]
    cut: Sequence[Scene]


def crop_middle(image: Image.Image, side: int) -> list[Image.Image]:
    """Frame the middle square."""
    shorter = min(image.size)
    left, top = (image.width - shorter) // 2, (image.height - shorter) // 2
    return [_scale(image, side, (left, top, left + shorter, top + shorter))]


def squash(image: Image.Image, side: int) -> list[Image.Image]:
    """Squash the picture into a square."""
    return [_scale(image, side, (0, 0, *image.size))]


def letterbox(image: Image.Image, side: int) -> list[Image.Image]:
    """Fit the picture into a grey square."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (side, side), _NEUTRAL)
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return [square]


def cut_tiles(image: Image.Image, side: int) -> list[Image.Image]:
    """Cut the picture into the tiles of imaging.tiling; one of exactly 2 : 1 counts as a pixel longer."""
    width, height = image.size
    width, height = width + (width == 2 * height), height + (height == 2 * width)
    return [_scale(image, side, box) for box in tile_boxes(width, height)]


FRAMINGS: dict[str, Framing] = {
    "middle square": crop_middle,
    "squashed": squash,
    "letterboxed": letterbox,
    "tiles": cut_tiles,
}


def _scale(image: Image.Image, side: int, box: tuple[float, float, float, float]) -> Image.Image:
    inside = (box[0], box[1], min(box[2], image.width), min(box[3], image.height))
    return image.resize((side, side), Image.Resampling.BICUBIC, box=inside)


def stitch(scenes: Sequence[Scene], *, within: bool, upright: bool) -> LongPicture:
    """Stitch scenes side by side, or one above the other.

    With `within`, the picture begins and ends within a scene, so it takes one scene more.
    """
    strip = Image.new("RGB", (_SIDE * len(scenes), _SIDE))
    for number, scene in enumerate(scenes):
        picture = draw(scene, _SIDE).convert("RGB")
        strip.paste(picture.transpose(Image.Transpose.ROTATE_90) if upright else picture, (_SIDE * number, 0))
    if within:
        strip = strip.crop((_CUT, 0, _CUT + _SIDE * (len(scenes) - 1), _SIDE))
    if upright:
        strip = strip.transpose(Image.Transpose.ROTATE_270)
    return LongPicture(strip, scenes[1:-1] if within else scenes, (scenes[0], scenes[-1]) if within else ())


def measure(encoder: Encoder, pictures: int, ratio: int, *, within: bool) -> dict[str, float]:
    """Measure the mean area under the ROC curve of every way to frame a long picture."""
    seeds = count(EVALUATION_SEED + 1_000_000 * ratio + 500_000 * within)
    made = [
        stitch([random_scene(next(seeds)) for _ in range(ratio + within)], within=within, upright=n % 2 == 0)
        for n in range(pictures)
    ]
    things = sorted(set().union(*(_list_things(each.whole) for each in made)))
    right = np.array([[thing in _list_things(each.whole) for each in made] for thing in things])
    counts = right | np.array([[thing not in _list_things(each.cut) for each in made] for thing in things])
    texts = encoder.encode_texts([f"a {thing}" for thing in things]).vectors
    return {
        name: _compute_area(
            texts @ encode_pictures(encoder, [_frame_pixels(frame, each, encoder) for each in made]).T, right, counts
        )
        for name, frame in FRAMINGS.items()
    }


def _list_things(scenes: Sequence[Scene]) -> set[str]:
    return {f"{group.colour} {group.kind}" for scene in scenes for group in scene.groups}


def _frame_pixels(frame: Framing, long: LongPicture, encoder: Encoder) -> Pixels:
    return np.stack([np.asarray(square) for square in frame(long.image, encoder.pixels.size)])


def _compute_area(scores: Matrix, right: NDArray[np.bool_], counts: NDArray[np.bool_]) -> float:
    rows = zip(scores, right, counts & ~right, strict=True)
    areas = [(row[good][:, None] > row[bad]).mean() for row, good, bad in rows if good.any() and bad.any()]
    return float(np.mean(areas))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure how long pictures are best shown to a model.")
    parser.add_argument("--pictures", type=int, default=100, help="of every length (default 100)")
    given = parser.parse_args(arguments)
    with (
        TemporaryDirectory() as nowhere,
        Container(load_settings(data=Path(nowhere), model=DEMO, device="cpu")) as container,
    ):
        for ratio in RATIOS:
            for within in (False, True):
                found = measure(container.encoder, given.pictures, ratio, within=within)
                line = "  ".join(f"{name} {area:.3f}" for name, area in found.items())
                sys.stdout.write(f"{ratio} : 1, ends {'within' if within else 'between'} scenes: {line}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
