"""A graph in OpenVINO, where that package is installed: it is an extra."""

import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.local.process import count_cores

PACKAGE = "openvino"
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


def is_installed() -> bool:
    """Whether the package is here."""
    return find_spec(PACKAGE) is not None


class OpenVinoTower:
    """A Session of OpenVINO on the CPU. Safe to call from several threads."""

    def __init__(self, model: Path, dtype: str) -> None:
        """Load a graph, to compute in "float32" or "bfloat16". Raises ValueError where OpenVINO refuses it."""
        vendor: Any = import_module(PACKAGE)
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _PRECISIONS[dtype],
            "INFERENCE_NUM_THREADS": count_cores(),
        }
        try:
            core = vendor.Core()
            self._request = core.compile_model(core.read_model(model), "CPU", config).create_infer_request()
        except RuntimeError as error:
            raise ValueError(f"{model.name} is refused by OpenVINO: {str(error).splitlines()[0][:300]}") from error
        self._lock = threading.Lock()  # a request holds its own arrays

    def run(self, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Run N rows, at least one: arrays of shape (N, …) by the names of inputs -> (N, D)."""
        with self._lock:
            found = self._request.infer(arrays, share_inputs=True)
            return np.array(next(iter(found.values())))
