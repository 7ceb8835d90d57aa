"""Ending a generation of transformers when its time is over, or when nobody waits for it any more."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import torch


class Deadline:
    """A stopping criterion of `generate`, asked after every token. `passed` tells whether it ended the generation.

    `going` is called every time, and ends the generation by raising.
    """

    def __init__(self, seconds: float, going: Callable[[], object] | None = None) -> None:
        self.passed = False
        self._end = monotonic() + seconds
        self._going = going

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Say of every row, (N,) bool, whether it has to end."""
        if self._going is not None:
            self._going()
        self.passed = self.passed or monotonic() >= self._end
        return torch.full((len(input_ids),), self.passed, dtype=torch.bool, device=input_ids.device)
