"""Pickled weights, read as data alone and written as safetensors."""

import os
from pathlib import Path


def convert_pickle(pickle: Path, target: Path) -> None:
    """Write the tensors of a pickle as safetensors, whole or not at all. Raises what torch raises, and OSError.

    torch's `weights_only` refuses a pickle that calls for anything but tensors.
    """
    import torch
    from safetensors.torch import save_file

    state = torch.load(pickle, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError("it holds more than named tensors")
    tensors = {str(name): value.detach().clone().contiguous() for name, value in state.items()}
    unfinished = target.with_name(f".{target.name}.partial")
    try:
        save_file(tensors, unfinished, metadata={"format": "pt"})
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
