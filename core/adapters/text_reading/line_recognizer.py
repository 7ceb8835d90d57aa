"""The recogniser of PP-OCR on ONNX Runtime: a line's pixels -> its text, how sure it is, and what it saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Crop = NDArray[np.uint8]  # (H, W, 3) BGR

_HEIGHT = 48
_WIDTHS = (320, 3200)  # least and most columns of the model's input
_STEP = 32
_PADDED = 4096  # columns of one batch
_FEATURES = "p2o.pd_op.transpose.8.0"  # what the last layer is given


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was recognised in a line: N letters, how sure each is, (N,), and what was seen of each, (N, 120) float32.

    `ratio` is the line's width by its height.
    """

    letters: tuple[str, ...]
    sure: NDArray[np.float32]
    features: NDArray[np.float32]
    ratio: float

    @property
    def text(self) -> str:
        return "".join(self.letters)

    @property
    def score(self) -> float:
        return float(self.sure.mean()) if len(self.sure) else 0.0


class LineRecognizer:
    """The model, with a second output: the features that its last layer turns into letters."""

    def __init__(self, model: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = False  # lines differ in width, and an arena keeps the memory of the widest
        self._session = ort.InferenceSession(
            with_output(model.read_bytes(), _FEATURES), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        alphabet = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self.alphabet = ("", *alphabet, " ")  # the first means: no letter here

    def recognize(self, crops: Sequence[Crop]) -> list[Recognition]:
        """Recognise lines that are upright. The narrow ones go first, several at once."""
        order = sorted(range(len(crops)), key=lambda index: _columns(crops[index]))
        found: dict[int, Recognition] = {}
        while order:
            count = max(1, sum(_columns(crops[order[n]]) * (n + 1) <= _PADDED for n in range(min(8, len(order)))))
            batch, order = order[:count], order[count:]
            found |= zip(batch, self._recognize([crops[index] for index in batch]), strict=True)
        return [found[index] for index in range(len(crops))]

    def _recognize(self, crops: Sequence[Crop]) -> list[Recognition]:
        columns = max(map(_columns, crops))
        pixels = np.zeros((len(crops), 3, _HEIGHT, columns), np.float32)
        for row, crop in zip(pixels, crops, strict=True):
            width = min(columns, max(1, round(_HEIGHT * crop.shape[1] / crop.shape[0])))
            row[:, :, :width] = cv2.resize(crop, (width, _HEIGHT)).transpose(2, 0, 1) / 127.5 - 1
        scores, features = self._session.run(None, {self._input: pixels})  # (N, T, letters), (N, T, 120)
        ratios = [crop.shape[1] / crop.shape[0] for crop in crops]
        return [self._decode(*line) for line in zip(scores, features, ratios, strict=True)]

    def _decode(self, scores: NDArray[np.float32], features: NDArray[np.float32], ratio: float) -> Recognition:
        """Read the best path: neither what is repeated without a gap, nor the gaps (CTC)."""
        best = scores.argmax(axis=1)
        there = best != 0
        there[1:] &= best[1:] != best[:-1]
        letters = tuple(self.alphabet[index] for index in best[there])
        return Recognition(letters, scores[there].max(axis=1, initial=0.0), features[there], ratio)


def with_output(model: bytes, name: str) -> bytes:
    """Return an ONNX model with one more output, the tensor `name`.

    Protocol buffers merge messages that follow each other, so that a graph with nothing but an output is appended. The
    field numbers are those of onnx.proto: ModelProto.graph 7, GraphProto.output 12, ValueInfoProto.name 1.
    """
    message = name.encode()
    for field in (1, 12, 7):
        message = bytes([field << 3 | 2, len(message)]) + message
    return model + message


def _columns(crop: Crop) -> int:
    """Compute the columns that a line takes in the model's input: a multiple of 32."""
    least, most = _WIDTHS
    width = round(_HEIGHT * int(crop.shape[1]) / int(crop.shape[0]))
    return min(most, max(least, -(-width // _STEP) * _STEP))
