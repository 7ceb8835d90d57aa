"""What encoder and captioner share of torch and transformers: device, dtype, pixel input, silent loading."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.imaging.decode_request import PixelSpec


def choose_device(wanted: str) -> torch.device:
    """Choose the device; "auto" takes CUDA, then MPS, then the CPU. Raises ValueError where it is not available."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = next(name for name, is_there in there.items() if is_there) if wanted == "auto" else wanted
    if not there.get(name):
        raise ValueError(f"device {name}: there is none that this installation of torch can use; take auto or cpu")
    return torch.device(name)


def choose_dtype(device: torch.device) -> torch.dtype:
    """Choose what is computed in before anything was measured; the dtype of the checkpoint does not matter.

    On GPUs that is bfloat16 or float16. A processor computes in bfloat16 where it has AMX. Others that promise bfloat16
    take half the time of float32 in it, or half as long again: that is for a measurement to tell.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if torch.cpu.get_capabilities().get("amx_bf16") else torch.float32


def read_dtype(name: str | None, device: torch.device) -> torch.dtype:
    """Return the dtype of this name, or where there is none that of `choose_dtype`."""
    if name is None:
        return choose_dtype(device)
    found: torch.dtype = getattr(torch, name)
    return found


@dataclass(frozen=True, slots=True)
class PixelInput:
    """The pixel input of a model: decode workers apply `spec`, the device the normalisation.

    `scale` and `shift` are (3,) float32, a value a channel. The model's input is `scale * pixel - shift`.
    """

    spec: PixelSpec
    scale: torch.Tensor
    shift: torch.Tensor

    def to_tensor(self, pixels: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """Normalise pixels: (N, S, S, 3) uint8 RGB -> (N, 3, S, S) of `dtype`, on `device`."""
        batch = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).to(device)
        values = batch.to(torch.float32) * self.scale.to(device) - self.shift.to(device)  # (N, S, S, 3)
        return values.permute(0, 3, 1, 2).to(dtype).contiguous()


def read_pixel_input(processor: Any) -> PixelInput:
    """Read the pixel input from an image processor of transformers. Raises ValueError for steps without support."""
    size: dict[str, Any] = dict(processor.size)
    crop: dict[str, Any] = dict(getattr(processor, "crop_size", None) or {})
    crops = bool(getattr(processor, "do_center_crop", False))
    if not processor.do_resize:
        raise ValueError("its image processor does not resize")
    if crops:
        shorter, side = size.get("shortest_edge"), crop.get("height")
        if shorter is None or side is None or crop.get("width") != side or side > shorter:
            raise ValueError(f"its image processor resizes to {size} and crops to {crop}")
    else:
        shorter, side = None, size.get("height")
        if side is None or size.get("width") != side:
            raise ValueError(f"its image processor resizes to {size}, which is no square")
    factor = float(processor.rescale_factor) if processor.do_rescale else 1.0
    mean = torch.tensor(processor.image_mean if processor.do_normalize else [0.0] * 3, dtype=torch.float32)
    std = torch.tensor(processor.image_std if processor.do_normalize else [1.0] * 3, dtype=torch.float32)
    spec = PixelSpec(
        int(side),
        "crop" if crops else "squash",
        int(processor.resample),
        shorter=int(shorter) if shorter and shorter > side else None,
    )
    return PixelInput(spec, factor / std, mean / std)


@contextmanager
def silence_loading() -> Iterator[list[str]]:
    """Keep transformers' progress bars, tables and warnings off the terminal; yield the load reports that it wrote."""
    from transformers.utils import logging as transformers_logging

    vendor: Any = transformers_logging  # its typing is partial
    reports: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        reports.append(record.getMessage())
        return False

    root, loader = logging.getLogger("transformers"), logging.getLogger("transformers.modeling_utils")
    bars, levels = vendor.is_progress_bar_enabled(), (root.level, loader.level)
    vendor.disable_progress_bar()
    root.setLevel(logging.ERROR)
    loader.setLevel(logging.WARNING)
    loader.addFilter(keep)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield reports
    finally:
        loader.removeFilter(keep)
        root.setLevel(levels[0])
        loader.setLevel(levels[1])
        if bars:
            vendor.enable_progress_bar()


def check_complete(reports: list[str]) -> None:
    """Raise ValueError where weights were missing; transformers only warns, and fills them with random numbers."""
    for report in reports:
        if "MISSING" in report:
            raise ValueError("its weights file lacks some of the weights that its config.json asks for")
