"""Which linear layers a captioner computes with: what multiplies the fastest here, measured once and kept.

Flags of a processor do not tell. bfloat16 takes half of float32's time on one and twice of it on another.
"""

import json
import logging
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Literal, cast, get_args

import torch
from torch.nn import functional

from core.adapters.models.captioners.linear_layers import Layers, get_dtype, make_linear
from core.adapters.models.files.machine_file import CHOICES, MachineFile

log = logging.getLogger(__name__)

Precision = Literal["full", "int8"]

_WIDTHS = ("hidden_size", "n_embd", "d_model")
_SMALLEST = 256  # a narrower model is quick with any layers
_ROWS = (256, 32)  # rows at once: patches of some pictures, and a word of each of a batch
_ROUNDS = 3
_HOPELESS = 4  # times the best: measured no further
_WORTH = 1.2  # times that bfloat16 has to be faster: it may turn a near tie of two words
_ALIKE = 0.999  # least cosine of products with those of float32
_CANDIDATES: tuple[Layers, ...] = ("float32", "packed-float32", "bfloat16", "packed-bfloat16")


def choose_layers(folder: Path, fingerprint: str, precision: Precision) -> Layers:
    """Choose the layers for a captioner on this machine's CPU. What is measured takes seconds, and is kept.

    "int8" is taken as told where torch has it; "full" never means int8.
    """
    if precision == "int8":
        if is_available("int8"):
            return "int8"
        log.warning("this build of torch has no layers in int8, so captions are written in full precision")
    width = _read_width(folder)
    if width < _SMALLEST:
        return "packed-float32" if is_available("packed-float32") else "float32"
    key = f"layers {fingerprint} torch {torch.__version__} threads {torch.get_num_threads()}"
    if kept := _read(key):
        return kept
    seconds = measure_layers(width)
    chosen = pick(seconds)
    log.info("measured layers=%s of captions, chosen=%s", {name: round(s, 5) for name, s in seconds.items()}, chosen)
    _keep(key, chosen)
    return chosen


def is_available(layers: Layers) -> bool:
    """Tell whether this build of torch has these layers, and the processor computes them."""
    dtype = get_dtype(layers)
    return _try(layers, torch.eye(8, dtype=dtype), torch.zeros(8, dtype=dtype)) is not None


def measure_layers(width: int) -> dict[Layers, float]:
    """Measure the CPU seconds of a step through a feed-forward block of this width, by layers.

    What fails, or does not give the products of float32, is left out.
    """
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(4 * width, width, generator=generator) / width**0.5
    bias = torch.zeros(4 * width)
    rows = [torch.randn(count, width, generator=generator) for count in _ROWS]
    taken: dict[Layers, list[float]] = {}
    layers: dict[Layers, Any] = {}
    with torch.inference_mode():
        exact = functional.linear(rows[0], weights, bias)
        for name in _CANDIDATES:
            dtype = get_dtype(name)
            layer = _try(name, weights.to(dtype), bias.to(dtype))
            if layer is None or not _is_alike(layer(rows[0].to(dtype)), exact):
                continue
            first = _time(layer, rows, dtype)
            if first < _HOPELESS * min((min(times) for times in taken.values()), default=first):
                layers[name], taken[name] = layer, [first]
        for _ in range(_ROUNDS):
            for name, layer in layers.items():
                taken[name].append(_time(layer, rows, get_dtype(name)))
    return {name: median(times) for name, times in taken.items()}


def pick(seconds: dict[Layers, float]) -> Layers:
    """Pick the fastest layers of float32, or those of bfloat16 where they are faster by far."""
    by_dtype = {
        dtype: sorted((taken, name) for name, taken in seconds.items() if get_dtype(name) is dtype)
        for dtype in (torch.float32, torch.bfloat16)
    }
    exact, rounded = by_dtype[torch.float32], by_dtype[torch.bfloat16]
    if rounded and (not exact or rounded[0][0] * _WORTH < exact[0][0]):
        return rounded[0][1]
    return exact[0][1] if exact else "float32"


def _try(name: Layers, weight: torch.Tensor, bias: torch.Tensor) -> Any:
    """Return a callable of this kind of layer; None where this build of torch, or this processor, does not have it."""
    try:
        made = make_linear(name, weight, bias)
        layer = made or (lambda values: functional.linear(values, weight, bias))
        with torch.inference_mode():
            layer(torch.ones(2, weight.shape[1], dtype=weight.dtype))
    except (RuntimeError, AttributeError, TypeError) as error:
        log.info("layers=%s cannot be used here: %s", name, str(error).splitlines()[0][:200])
        return None
    return layer


def _is_alike(product: torch.Tensor, exact: torch.Tensor) -> bool:
    return float(functional.cosine_similarity(product.float().flatten(), exact.flatten(), 0)) > _ALIKE


def _time(layer: Any, rows: list[torch.Tensor], dtype: torch.dtype) -> float:
    given = [values.to(dtype) for values in rows]
    began = process_time()
    for values in given:
        layer(values)
    return process_time() - began


def _read_width(folder: Path) -> int:
    """Read the widest hidden size of a model's parts from its config.json; 0 where it tells none."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    return max((part[name] for part in parts for name in _WIDTHS if isinstance(part.get(name), int)), default=0)


def _read(key: str) -> Layers | None:
    kept = MachineFile(CHOICES).read(key)
    return cast(Layers, kept) if kept in get_args(Layers) else None


def _keep(key: str, chosen: Layers) -> None:
    try:
        MachineFile(CHOICES).keep(key, chosen)
    except OSError as error:
        log.info("what was measured of captions could not be kept: %s", error)
