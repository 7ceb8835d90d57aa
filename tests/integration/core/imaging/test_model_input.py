"""The pixels that a model sees, compared with what transformers makes of the same picture."""

import io

import numpy as np
import pytest
from PIL import Image

from core.imaging.decoder import DecodeRequest, ImageLimits, PixelSpec, decode


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
