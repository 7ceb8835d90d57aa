"""The two towers of an encoder in torch: the tensors that go in, and a function of a loaded model that takes them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.encoders.tokenizer import Tokenizer
from core.domain.vectors import Matrix
from core.imaging.decode_request import PixelSpec

if TYPE_CHECKING:
    import torch

    from core.adapters.models.torch_runtime import PixelInput


class TorchImageTower:
    """An ImageTower over a model with `compute`: (N, 3, S, S) -> (N, D), both on `device`."""

    def __init__(
        self,
        model: "torch.nn.Module",
        compute: "Callable[[torch.Tensor], torch.Tensor]",
        pixels: "PixelInput",
        device: "torch.device",
        dtype: "torch.dtype",
    ) -> None:
        self.spec: PixelSpec = pixels.spec
        self.input, self.device, self.dtype = pixels, device, dtype
        self.model, self.compute = model, compute

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        import torch

        values = self.input.to_tensor(pixels, self.device, self.dtype)
        with torch.inference_mode():
            features = self.compute(values)
        vectors: Matrix = features.float().cpu().numpy()
        return vectors


class TorchTextTower:
    """A TextTower over a model with `compute`: tensors of token ids, each (N, L), by their names -> (N, D)."""

    def __init__(
        self,
        model: "torch.nn.Module",
        compute: "Callable[[dict[str, torch.Tensor]], torch.Tensor]",
        tokenizer: Tokenizer,
        device: "torch.device",
    ) -> None:
        self.tokenizer, self.device = tokenizer, device
        self.model, self.compute = model, compute

    def tokenize(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """Turn N texts into the tensors that the tower takes, each (N, L) of integers."""
        return self.tokenizer.encode(texts)

    def encode(self, texts: Sequence[str]) -> Matrix:
        import torch

        there = {name: tensor.to(self.device) for name, tensor in self.tokenize(texts).items()}
        with torch.inference_mode():
            features = self.compute(there)
        vectors: Matrix = features.float().cpu().numpy()
        return vectors

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        return self.tokenizer.find_truncated(texts)

    def find_unknown(self, text: str) -> tuple[str, ...]:
        return self.tokenizer.find_unknown(text)
