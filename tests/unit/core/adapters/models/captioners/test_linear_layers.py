"""Linear layers that take the place of torch's own."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from core.adapters.models.captioners.layer_choice import is_available
from core.adapters.models.captioners.linear_layers import Layers, get_dtype, replace_linears

LEAST_COSINE: dict[Layers, float] = {
    "float32": 1 - 1e-6,
    "packed-float32": 1 - 1e-6,
    "bfloat16": 0.9995,
    "packed-bfloat16": 0.9995,
    "int8": 0.999,
}


class Own(nn.Linear):
    """A subclass, which may compute otherwise."""


class Model(nn.Module):
    """Layers of every kind, one of them in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(24, 40)
        self.blocks = nn.ModuleList([Conv1D(24, 40), nn.Linear(24, 24, bias=False), Own(24, 24)])
        self.again = self.blocks[1]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(..., 24) -> (..., 24)."""
        values = self.first(values)
        for block in self.blocks:
            values = block(values)
        found: torch.Tensor = self.again(values)
        return found


@pytest.mark.parametrize("layers", LEAST_COSINE)
@pytest.mark.parametrize("shape", [(24,), (1, 24), (3, 5, 24), (600, 24)])
def test_products_are_those_of_torch_s_own_layers(layers: Layers, shape: tuple[int, ...]) -> None:
    if not is_available(layers):
        pytest.skip(f"{layers} cannot be used on this machine")
    torch.manual_seed(0)
    model = Model().eval()
    values = torch.randn(shape)
    with torch.inference_mode():
        expected = model(values)
        replace_linears(model.to(get_dtype(layers)), layers)
        found = model(values.to(get_dtype(layers)))
    assert found.shape == expected.shape and found.dtype is get_dtype(layers)
    assert torch.nn.functional.cosine_similarity(found.float().flatten(), expected.flatten(), 0) > LEAST_COSINE[layers]


def test_a_layer_in_two_places_stays_one_and_subclasses_stay_themselves() -> None:
    model: Any = Model()
    replace_linears(model, "int8")
    assert model.again is model.blocks[1] and type(model.blocks[2]) is Own
    assert [type(module).__name__ for module in (model.first, *model.blocks)] == ["Int8Linear"] * 3 + ["Own"]
    assert model.first.weight.dtype is torch.float32, "models look at the dtype of a layer"
