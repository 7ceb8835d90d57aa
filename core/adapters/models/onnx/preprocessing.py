"""From `preprocess_cfg.json`, as OpenCLIP writes it, to how pictures are fitted and normalised."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.adapters.models.onnx.folder import read_json
from core.imaging.decode_request import PixelSpec

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training images: OpenCLIP's default, as all values below
STD = (0.26862954, 0.26130258, 0.27577711)

_FITS: dict[str, Literal["crop", "squash", "pad"]] = {"shortest": "crop", "squash": "squash", "longest": "pad"}
_RESAMPLING = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "random": Image.Resampling.BICUBIC,  # random in training alone
}


@dataclass(frozen=True, slots=True)
class Normalization:
    """The pixel input of a model: decode workers apply `spec`; the model's input is `scale * pixel - shift`.

    `scale` and `shift` are (3,) float32, a value a channel.
    """

    spec: PixelSpec
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Normalise pixels: (N, S, S, 3) uint8 RGB -> (N, 3, S, S) float32, contiguous."""
        planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)  # (N, 3, S, S)
        planes *= self.scale[:, None, None]
        planes -= self.shift[:, None, None]
        return planes


def read_preprocessing(path: Path) -> Normalization:
    """Read a preprocess_cfg.json; what it lacks is OpenCLIP's default. Raises ValueError for steps without support."""
    given = {key: value for key, value in read_json(path).items() if value is not None}
    if given.get("mode", "RGB") != "RGB":
        raise ValueError(f"{path.name} asks for pictures in the mode {given['mode']!r}; encoders read RGB")
    fit, resample = given.get("resize_mode", "shortest"), given.get("interpolation", "bicubic")
    if fit not in _FITS:
        raise ValueError(f"{path.name} asks for the resize mode {fit!r}; it can be {', '.join(_FITS)}")
    if resample not in _RESAMPLING:
        raise ValueError(f"{path.name} asks for the interpolation {resample!r}; it can be {', '.join(_RESAMPLING)}")
    fill = _read_values(path, given, "fill_color", 0)
    spec = PixelSpec(
        _read_size(path, given.get("size", 224)),
        _FITS[fit],
        int(_RESAMPLING[resample]),
        (int(fill[0]), int(fill[1]), int(fill[2])),
        rounds_to_even=True,
    )
    mean, std = (_read_values(path, given, key, default) for key, default in (("mean", MEAN), ("std", STD)))
    if not (std > 0).all():
        raise ValueError(f"{path.name} has a std that is not above 0")
    return Normalization(spec, (1 / 255 / std).astype(np.float32), (mean / std).astype(np.float32))


def _read_size(path: Path, size: Any) -> int:
    sides = size if isinstance(size, list) else [size]
    if len(sides) not in (1, 2) or not all(type(side) is int and side > 0 for side in sides):
        raise ValueError(f"{path.name} has the size {size!r}, which is no number of pixels")
    if sides[0] != sides[-1]:
        raise ValueError(f"{path.name} asks for pictures of {size} pixels; BucketLens makes square ones")
    return int(sides[0])


def _read_values(path: Path, given: dict[str, Any], key: str, default: Any) -> NDArray[np.float64]:
    """Read one value a channel: (3,). A single number stands for all three."""
    try:
        return np.broadcast_to(np.asarray(given.get(key, default), np.float64), (3,))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name} has the {key} {given[key]!r}; it has to be a number for each channel") from error
