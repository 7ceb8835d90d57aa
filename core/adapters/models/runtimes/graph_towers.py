"""The towers of an encoder over kept graphs, in ONNX Runtime or OpenVINO and without torch in the process."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.runtimes.graph_cache import TOKENIZER, Graph
from core.adapters.models.runtimes.kept_tokenizer import KeptTokenizer, TokenizerSettings
from core.domain.vectors import Matrix
from core.imaging.decode_request import PixelSpec

PIXELS, VECTORS = "pixels", "vectors"  # input and output of a graph of pictures


class Session(Protocol):
    """A loaded graph."""

    def run(self, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Run N rows, at least one: arrays of shape (N, …) by the names of inputs -> (N, D)."""
        ...


class GraphImageTower:
    """An ImageTower over a graph that takes pixels as they are decoded."""

    def __init__(self, session: Session, spec: PixelSpec) -> None:
        self.spec = spec
        self._session = session

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        vectors: Matrix = self._session.run({PIXELS: np.ascontiguousarray(pixels)}).astype(np.float32, copy=False)
        return vectors


class GraphTextTower:
    """A TextTower over a graph and the tokenizer that is kept with it."""

    def __init__(self, session: Session, graph: Graph) -> None:
        """Read the tokenizer of a graph. Raises ValueError."""
        settings = TokenizerSettings.from_dict(graph.facts["tokenizer"])
        self._tokenizer = KeptTokenizer(graph.folder / TOKENIZER, settings)
        self._session = session

    def encode(self, texts: Sequence[str]) -> Matrix:
        vectors: Matrix = self._session.run(self._tokenizer.encode(texts)).astype(np.float32, copy=False)
        return vectors

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        return self._tokenizer.find_truncated(texts)

    def find_unknown(self, text: str) -> tuple[str, ...]:
        return self._tokenizer.find_unknown(text)
