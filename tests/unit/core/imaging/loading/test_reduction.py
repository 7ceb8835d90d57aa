"""Huge pictures are made smaller before their colours are converted, and look the same."""

import io

import numpy as np
import pytest
from PIL import Image

from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from core.imaging.loading import reduction

REQUEST = DecodeRequest(PixelSpec(32, "crop", Image.Resampling.BICUBIC), 64)


def drawn(mode: str) -> Image.Image:
    ramp = np.linspace(20, 230, 400, dtype=np.uint8)[None, :].repeat(300, 0)
    image = Image.fromarray(np.stack([ramp, ramp[:, ::-1], np.full_like(ramp, 90)], axis=2))
    if mode == "I;16":
        return Image.fromarray(ramp.astype(np.uint16) * 257)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(ramp))
    return image.quantize(32) if mode == "P" else image.convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"])
def test_a_reduced_picture_looks_the_same(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    drawn(mode).save(out, "PNG")
    usual = decode(out.getvalue(), REQUEST, ImageLimits())
    monkeypatch.setattr(reduction, "_HUGE", 1000)
    monkeypatch.setattr(reduction, "_BAND", 5000)
    reduced = decode(out.getvalue(), REQUEST, ImageLimits())
    assert (reduced.width, reduced.height) == (400, 300)
    assert reduced.pixels is not None and usual.pixels is not None
    assert np.abs(reduced.pixels.astype(int) - usual.pixels).mean() < (16 if mode == "1" else 3)
