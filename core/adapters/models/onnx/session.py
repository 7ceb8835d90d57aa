"""One tower of an ONNX model in ONNX Runtime: how it is loaded, and how batches of any size go through it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.adapters.local.process import count_cores

log = logging.getLogger(__name__)

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
MAX_BATCH = 16  # rows at once where the model takes any number: more are no faster on a CPU, and take memory

_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
_EMBEDDINGS = ("embedding", "image_embeds", "text_embeds", "sentence_embedding")
_FATAL_ONLY = 4  # what fails is raised too; the log would come between the lines of a command


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a tower: its dtype, and its shape, with None for a length that may vary."""

    name: str
    dtype: type[np.generic]
    shape: tuple[int | None, ...]


class Tower:
    """A loaded tower. Safe to call from several threads."""

    def __init__(self, model: Path, *, device: str, threads: int | None = None) -> None:
        """Load a model of ONNX Runtime. `threads` is how many one call may use, by default one for each core.

        Raises ValueError where ONNX Runtime refuses it, and for inputs or outputs that no encoder has.
        """
        self._where = f"{model.parent.name}/{model.name}"
        providers = choose_providers(device)
        try:
            self._session = onnxruntime.InferenceSession(str(model), _make_options(threads), providers=list(providers))
        except Exception as error:  # its bindings have a class for every status, and none above them
            raise ValueError(f"{self._where} {_explain(error)}") from error
        _report_provider(self._session.get_providers(), providers, self._where)
        self.inputs = tuple(self._read_input(node) for node in self._session.get_inputs())
        self._output, self.dimension = self._choose_output()
        self._batch = self._find_batch()

    def run(self, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Run N rows, at least one, through the tower: arrays of shape (N, …) by the names of inputs -> (N, D).

        A model of a fixed batch gets its batches one by one, the last one filled up.
        """
        rows = len(next(iter(arrays.values())))
        if self._batch is None and rows > 1:
            try:
                return self._run_batches(arrays, rows, MAX_BATCH)
            except Exception as error:  # its bindings have a class for every status, and none above them
                log.warning("tower=%s takes one row at a time, whatever it says: %s", self._where, error)
                self._batch = 1
        return self._run_batches(arrays, rows, self._batch or 1)

    def _run_batches(self, arrays: dict[str, NDArray[Any]], rows: int, size: int) -> NDArray[Any]:
        found = []
        for start in range(0, rows, size):
            part = {name: array[start : start + size] for name, array in arrays.items()}
            found.append(self._run_batch(part, min(size, rows - start)))
        return np.concatenate(found)

    def _run_batch(self, arrays: dict[str, NDArray[Any]], rows: int) -> NDArray[Any]:
        if self._batch and rows < self._batch:
            missing = self._batch - rows
            arrays = {name: np.concatenate([array, array[-1:].repeat(missing, 0)]) for name, array in arrays.items()}
        output = np.asarray(self._session.run([self._output], arrays)[0])
        return output.reshape(len(output), -1)[:rows] if output.ndim else output.reshape(1, 1)

    def _read_input(self, node: Any) -> Input:
        if node.type not in _DTYPES:
            raise ValueError(f"{self._where} takes {node.type} as {node.name}; an encoder takes numbers")
        return Input(
            node.name, _DTYPES[node.type], tuple(n if isinstance(n, int) and n > 0 else None for n in node.shape)
        )

    def _choose_output(self) -> tuple[str, int | None]:
        """Choose the output with one vector a row: by the usual names, else the first of two dimensions."""
        nodes = self._session.get_outputs()
        named = [node for name in _EMBEDDINGS for node in nodes if node.name == name]
        flat = [node for node in nodes if len(node.shape or []) in (0, 2)]
        if not (candidates := named + flat):
            shapes = ", ".join(f"{node.name} {node.shape}" for node in nodes)
            raise ValueError(f"{self._where} gives no single vector for each row, but {shapes}")
        shape = candidates[0].shape or []
        last = shape[-1] if len(shape) == 2 else None
        return candidates[0].name, last if isinstance(last, int) else None

    def _find_batch(self) -> int | None:
        fixed = {given.shape[0] for given in self.inputs if given.shape and given.shape[0]}
        if len(fixed) > 1:
            raise ValueError(f"{self._where} takes inputs of unlike batches: {', '.join(map(str, fixed))}")
        return next(iter(fixed), None)


def choose_providers(device: str) -> Sequence[str | tuple[str, dict[str, str]]]:
    """Choose the execution providers for a device, the preferred one first; the CPU always is the last."""
    memory = {"arena_extend_strategy": "kSameAsRequested"}
    if device in ("auto", "cuda") and CUDA in onnxruntime.get_available_providers():
        return [(CUDA, memory), CPU]
    if device not in ("auto", "cpu"):
        log.warning("onnxruntime offers no provider for device=%s, so the cpu computes", device)
    return [CPU]


def _report_provider(used: Sequence[str], wanted: Sequence[Any], where: str) -> None:
    if CUDA not in used and any(CUDA in provider for provider in wanted):
        log.warning("CUDA cannot be used by onnxruntime, so the cpu computes tower=%s", where)


def _explain(error: Exception) -> str:
    """Explain why ONNX Runtime refused a model, and what helps."""
    cause = str(error).rsplit(" failed:", 1)[-1].strip().splitlines()[0][:300]
    runtime = f"ONNX Runtime {onnxruntime.__version__}"
    if "not a registered function/op" in cause or "No Op registered" in cause:
        return f"asks for an operator that {runtime} does not have, and custom operators are never loaded: {cause}"
    if "IR version" in cause or "opset" in cause.lower():
        return f"is of another version than {runtime} reads; install a newer onnxruntime: {cause}"
    return f"is refused by {runtime}: {cause}"


def _make_options(threads: int | None) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or count_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # A thread that spins for its next piece of work holds a core that decode workers want.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # an arena keeps the memory of the largest batch for ever
    return options
