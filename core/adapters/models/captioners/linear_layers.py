"""Linear layers that multiply faster than torch's own on a CPU: with packed weights, or in int8.

Nearly all of a captioner's time goes into them. They take the places of a loaded model's layers.
"""

import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

Layers = Literal["float32", "packed-float32", "bfloat16", "packed-bfloat16", "int8"]

_ROWS = 512  # rows that packed weights are laid out for; any number may come
_LARGEST = 127  # of int8


class PackedLinear(nn.Module):
    """A linear layer whose weights lie as oneDNN multiplies them, as torch.compile packs them.

    `weight` is (outputs, inputs), `bias` (outputs,) of the same dtype.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.new_empty(0), persistent=False)  # models look at its dtype
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
        self._bias = bias

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(..., inputs) -> (..., outputs)."""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(values, self._packed, self._bias, "none", [], "")
        return product


class Int8Linear(nn.Module):
    """A linear layer of int8 weights, scaled by output; values are rounded to eight bits as they come.

    `weight` is (outputs, inputs) float32, `bias` (outputs,).
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.new_empty(0), persistent=False)
        scales = weight.abs().amax(1).clamp(min=1e-8).double() / _LARGEST
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch 2.13, which recommends a package of its own for these operators
            rounded = torch.quantize_per_channel(weight, scales, torch.zeros_like(scales).long(), 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(rounded, bias)
        # Without VNNI two products of eight bits can be too large for their sum of sixteen.
        self._narrow = not torch.cpu.get_capabilities().get("avx512_vnni")

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(..., inputs) -> (..., outputs), both float32."""
        rows = values.reshape(-1, values.shape[-1])  # it takes no single row without a dimension of rows
        product: torch.Tensor = torch.ops.quantized.linear_dynamic(rows, self._packed, self._narrow)
        return product.view(*values.shape[:-1], -1)


def get_dtype(layers: Layers) -> torch.dtype:
    """Return the dtype of what goes from layer to layer."""
    return torch.bfloat16 if "bfloat16" in layers else torch.float32


def make_linear(layers: Layers, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module | None:
    """Make a layer of this kind from weights of its dtype; None where torch's own is meant.

    Raises RuntimeError, or AttributeError, where this build of torch does not have that kind.
    """
    kinds: dict[str, Callable[..., nn.Module]] = {
        "packed-float32": PackedLinear,
        "packed-bfloat16": PackedLinear,
        "int8": Int8Linear,
    }
    return kinds[layers](weight, bias) if layers in kinds else None


def replace_linears(model: nn.Module, layers: Layers) -> None:
    """Replace the linear layers of a model on the CPU, one by one, so that few weights are there twice."""
    from transformers.pytorch_utils import Conv1D

    made: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child not in made:
                weight, bias = _read_weights(child, Conv1D)
                if weight is None or (new := make_linear(layers, weight, bias)) is None:
                    continue
                made[child] = new
            setattr(parent, name, made[child])


def _read_weights(module: nn.Module, transposed: type) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Read (outputs, inputs) and (outputs,) of a linear layer. Subclasses are left alone: they compute otherwise."""
    if type(module) not in (nn.Linear, transposed):
        return None, None
    layer: Any = module
    weight = layer.weight.detach()
    return (weight if type(module) is nn.Linear else weight.t()), None if layer.bias is None else layer.bias.detach()
