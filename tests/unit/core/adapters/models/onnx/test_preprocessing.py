"""What preprocess_cfg.json says, with OpenCLIP's defaults for what it does not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.adapters.models.onnx.preprocessing import MEAN, STD, Normalization, read_preprocessing
from core.imaging.decode_request import PixelSpec


def _read(tmp_path: Path, values: dict[str, Any]) -> Normalization:
    path = tmp_path / "preprocess_cfg.json"
    path.write_text(json.dumps(values))
    return read_preprocessing(path)


def test_what_is_not_said_is_the_default_of_open_clip(tmp_path: Path) -> None:
    found = _read(tmp_path, {"resize_mode": None})
    assert found.spec == PixelSpec(224, "crop", Image.Resampling.BICUBIC, rounds_to_even=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    expected = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(found.apply(pixels), expected.transpose(0, 3, 1, 2), atol=1e-5)


@pytest.mark.parametrize(
    ("mode", "fit"), [("shortest", "crop"), ("squash", "squash"), ("longest", "pad")], ids=lambda value: str(value)
)
def test_modes_of_resizing(mode: str, fit: str, tmp_path: Path) -> None:
    given = {"size": [384, 384], "resize_mode": mode, "interpolation": "bilinear", "fill_color": 127}
    spec = _read(tmp_path, given).spec
    assert (spec.size, spec.fit, spec.resample, spec.fill) == (384, fit, Image.Resampling.BILINEAR, (127, 127, 127))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": [224, 336]}, "BucketLens makes square ones"),
        ({"size": "large"}, "no number of pixels"),
        ({"size": 0}, "no number of pixels"),
        ({"mode": "L"}, "encoders read RGB"),
        ({"resize_mode": "fill"}, "shortest, squash, longest"),
        ({"interpolation": "lanczos"}, "bicubic, bilinear, random"),
        ({"mean": [0.5, 0.5]}, "a number for each channel"),
        ({"std": [0.5, "x", 0.5]}, "a number for each channel"),
        ({"std": 0}, "not above 0"),
    ],
)
def test_what_has_no_support_is_refused(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        _read(tmp_path, values)
