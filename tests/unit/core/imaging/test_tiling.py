"""Long pictures as tiles: all of them is shown, in few squares, in their order."""

import io
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from core.domain.vectors import unit
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from core.imaging.tiling import MAX_TILES, is_long, tile_boxes, tile_count
from core.search.tile_encoding import encode_pictures
from tests.support.fakes import ColourEncoder

CROP = PixelSpec(32, "crop", Image.Resampling.BICUBIC)
SQUASH = PixelSpec(32, "squash", Image.Resampling.BICUBIC)


def bands(*colours: str, tall: bool = False, side: int = 100) -> Image.Image:
    """Squares of these colours in a row, or one above the other."""
    size = (side, side * len(colours)) if tall else (side * len(colours), side)
    image = Image.new("RGB", size)
    for number, colour in enumerate(colours):
        image.paste(
            colour,
            (0, number * side, side, (number + 1) * side) if tall else (number * side, 0, (number + 1) * side, side),
        )
    return image


def tiles_of(image: Image.Image, kind: str = "PNG", spec: PixelSpec = CROP, **options: object) -> NDArray[np.uint8]:
    file = io.BytesIO()
    image.save(file, kind, **options)
    pixels = decode(file.getvalue(), DecodeRequest(spec, tiles=True), ImageLimits()).pixels
    assert pixels is not None
    return pixels


def middles(tiles: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    return [tuple(int(level) for level in tile[16, 16]) for tile in tiles]


@given(st.integers(1, 60_000), st.integers(1, 60_000))
def test_tiles_cover_the_picture_and_overlap_by_a_quarter(width: int, height: int) -> None:
    boxes = tile_boxes(width, height)
    assert len(boxes) == tile_count(width, height) <= MAX_TILES
    assert (len(boxes) == 1) == (not is_long(width, height)) == (max(width, height) <= 2 * min(width, height))
    assert boxes[0][:2] == (0, 0) and boxes[-1][2:] == (width, height)
    along = [(box[0], box[2]) if width > height else (box[1], box[3]) for box in boxes]
    for (start, end), (following, _) in pairwise(along):
        assert start < following <= end - 0.2499 * (end - start)
    if 1 < len(boxes) < MAX_TILES:
        assert all(end - start == pytest.approx(min(width, height)) for start, end in along)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ((100, 100), 1),
        ((200, 100), 1),
        ((100, 200), 1),
        ((201, 100), 3),
        ((100, 300), 4),
        ((600, 100), 8),
        ((1, 5000), 16),
    ],
)
def test_how_many_tiles(size: tuple[int, int], count: int) -> None:
    assert tile_count(*size) == count
    assert tiles_of(Image.new("RGB", size)).shape == (count, 32, 32, 3)


@pytest.mark.parametrize("spec", [CROP, SQUASH])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("tall", [True, False])
def test_tiles_show_every_part_in_order(spec: PixelSpec, kind: str, tall: bool) -> None:
    """Of a JPEG too, which is decoded at a half or less."""
    seen = middles(tiles_of(bands("red", "lime", "blue", tall=tall, side=300), kind, spec))
    assert np.abs(np.array(seen[0]) - (255, 0, 0)).max() < 12 and np.abs(np.array(seen[-1]) - (0, 0, 255)).max() < 12
    assert len(seen) == 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiles_are_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = tiles_of(bands("red", "lime", "blue", side=64), "PNG", exif=exif)
    first = middles(seen)[0]
    assert len(seen) == 4 and first == ((255, 0, 0) if orientation in (1, 4, 5, 6) else (0, 0, 255))


def test_up_to_two_to_one_a_tile_is_the_model_input_as_ever() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (150, 300, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    one, tiles = (
        decode(file.getvalue(), DecodeRequest(CROP, tiles=asked), ImageLimits()).pixels for asked in (False, True)
    )
    assert one is not None and tiles is not None and np.array_equal(tiles, one[np.newaxis])


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (20_000, 300), (3, 40_000)])
def test_the_longest_pictures_take_no_more_room_than_their_own(size: tuple[int, int]) -> None:
    tracemalloc.start()
    tiles = tiles_of(Image.new("RGB", size, "red"), spec=PixelSpec(224, "crop", Image.Resampling.BICUBIC))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(tiles) == MAX_TILES and (tiles == (255, 0, 0)).all()
    assert most < 2 * tiles.nbytes + 2**20  # numpy tells of its own; Pillow holds one tile at a time


def test_vectors_are_means_of_tiles_and_each_is_its_picture_s() -> None:
    encoder = ColourEncoder()
    spec = encoder.pixels
    made = [
        bands("red", "red", "blue", "blue"),
        bands("yellow"),
        bands("black", "white", "black", tall=True),
        bands("green", "green"),
        bands(*["pink"] * 40),
    ]
    pictures = [tiles_of(image, spec=spec) for image in made]
    together = encode_pictures(encoder, pictures)
    assert together.shape == (5, encoder.dimension) and together.dtype == np.float32
    for picture, vector in zip(pictures, together, strict=True):
        assert np.allclose(vector, unit(encoder.encode_images(picture).mean(axis=0)), atol=1e-6)
        assert np.array_equal(vector, encode_pictures(encoder, [picture])[0])
    assert np.array_equal(together[1], encoder.encode_images(pictures[1])[0])
    assert encode_pictures(encoder, []).shape == (0, encoder.dimension)


def test_a_model_is_never_given_many_tiles_at_once() -> None:
    given: list[int] = []

    class Watched(ColourEncoder):
        def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            given.append(len(pixels))
            return super().encode_images(pixels)

    long = np.zeros((MAX_TILES, 16, 16, 3), np.uint8)
    encode_pictures(Watched(), [long] * 5)
    assert max(given) == MAX_TILES and sum(given) == 5 * MAX_TILES
