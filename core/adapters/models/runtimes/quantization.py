"""The image tower in int8: weights are quantised once, activations as they come."""

import logging
from pathlib import Path
from typing import Any

from core.adapters.models.runtimes.graph_cache import MODEL, Graph


def quantize_graph(graph: Graph, folder: Path) -> dict[str, Any]:
    """Write an int8 graph of one in float32. Returns its facts."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    root.addFilter(_drop)  # it advises on the root logger, which is the terminal's
    try:
        quantize_dynamic(graph.model, folder / MODEL, weight_type=QuantType.QInt8)
    finally:
        root.removeFilter(_drop)
    return dict(graph.facts)


def _drop(_: logging.LogRecord) -> bool:
    return False
