"""Colours of 16 bits: those that leave the upper bits empty are scaled, the others stay as they are."""

import numpy as np
import pytest
from PIL import Image

from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode

pyvips = pytest.importorskip("pyvips")

REQUEST = DecodeRequest(PixelSpec(32, "squash", Image.Resampling.NEAREST))


def written(peak: int, bands: int, suffix: str) -> bytes:
    """A ramp from 0 to `peak` from left to right, half as bright in its second channel."""
    ramp = np.linspace(0, peak, 32, dtype=np.uint16)[None, :].repeat(32, 0)
    channels = [ramp, ramp // 2, ramp, np.full_like(ramp, 65535)][:bands]
    image = pyvips.Image.new_from_array(np.stack(channels, axis=2)).copy(interpretation="rgb16")
    return bytes(image.write_to_buffer(suffix))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tif[compression=lzw]"])
@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize(("peak", "brightest"), [(255, 255), (1023, 255), (4095, 255), (9000, 35), (65535, 255)])
def test_colours_are_scaled_by_their_content(suffix: str, bands: int, peak: int, brightest: int) -> None:
    pixels = decode(written(peak, bands, suffix), REQUEST, ImageLimits()).pixels
    assert pixels is not None
    assert abs(int(pixels[:, -1, 0].max()) - brightest) <= 1
    assert abs(int(pixels[:, -1, 1].max()) - brightest / 2) <= 2
    assert len(np.unique(pixels[0, :, 0])) > 28  # and not in a few steps
