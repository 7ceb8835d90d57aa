"""The pixels that a model sees, compared with what transformers makes of the same picture."""

import io

import numpy as np
import pytest
from PIL import Image

from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode


@pytest.mark.parametrize("size", [(640, 480), (481, 640), (50, 100), (200, 100), (1, 1), (1, 2), (199, 100)])
def test_model_input_is_what_transformers_computes(size: tuple[int, int]) -> None:
    transformers = pytest.importorskip("transformers")
    side = 96
    processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}, do_rescale=False, do_normalize=False
    )
    noise = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    expected = np.moveaxis(np.asarray(processor(image)["pixel_values"][0]), 0, -1)  # (C, H, W) -> (H, W, C)
    png = io.BytesIO()
    image.save(png, "PNG")
    spec = PixelSpec(side, "crop", Image.Resampling.BICUBIC)
    pixels = decode(png.getvalue(), DecodeRequest(spec), ImageLimits()).pixels
    assert pixels is not None and np.array_equal(expected, pixels)


NOISE = np.random.default_rng(7)
SIZES = [(640, 480), (481, 640), (99, 100), (101, 100), (198, 100), (97, 50), (50, 97), (96, 96), (1, 1), (5, 9)]


def _decoded(image: Image.Image, spec: PixelSpec) -> np.ndarray:
    png = io.BytesIO()
    image.save(png, "PNG")
    pixels = decode(png.getvalue(), DecodeRequest(spec), ImageLimits()).pixels
    assert pixels is not None
    return pixels


def _noise(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(NOISE.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resample", [Image.Resampling.BICUBIC, Image.Resampling.BILINEAR])
def test_crop_rounded_to_even_is_what_torchvision_computes(size: tuple[int, int], resample: Image.Resampling) -> None:
    """By torchvision's published formulas: Resize(int) keeps int(size * long / short); CenterCrop rounds the margin."""
    image, side = _noise(size), 96
    short, long = sorted(size)
    longer = int(side * long / short)
    width, height = (side, longer) if size[0] <= size[1] else (longer, side)
    top, left = round((height - side) / 2.0), round((width - side) / 2.0)
    expected = np.asarray(image.resize((width, height), resample))[top : top + side, left : left + side]
    assert np.array_equal(expected, _decoded(image, PixelSpec(side, "crop", resample, rounds_to_even=True)))


@pytest.mark.parametrize("size", [*SIZES, (200, 1), (1, 900), (300, 100)])
def test_pad_is_what_open_clip_computes(size: tuple[int, int]) -> None:
    """By its published formulas: both sides by the ratio of the longer, rounded; odd padding comes last."""
    image, side, fill = _noise(size), 96, (10, 20, 30)
    ratio = max(size[0] / side, size[1] / side)
    width, height = (max(1, round(length / ratio)) for length in size)
    above, before = (side - height) // 2, (side - width) // 2
    scaled = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    expected = np.empty((side, side, 3), np.uint8)
    expected[:] = fill
    expected[above : above + height, before : before + width] = scaled
    assert np.array_equal(expected, _decoded(image, PixelSpec(side, "pad", Image.Resampling.BICUBIC, fill)))
