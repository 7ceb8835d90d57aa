"""The graphs of one model: those that are kept, and those that are exported where they are needed."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.adapters.models.runtimes.graph_cache import Graph, Kind, find_graph, keep_graph, make_refusal
from core.adapters.models.runtimes.trial_record import TrialRecord

if TYPE_CHECKING:
    from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower

log = logging.getLogger(__name__)

_TEXT: Kind = "text-float32"


class ModelGraphs:
    """The graphs of the model with a fingerprint. What cannot be exported is kept as a refusal."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def find(self, kind: Kind) -> Graph | None:
        """Find a kept graph, or a refusal."""
        return find_graph(self._fingerprint, kind)

    def find_usable(self, kind: Kind) -> Graph | None:
        """Find a kept graph that was not refused."""
        graph = self.find(kind)
        return None if graph is None or graph.refused else graph

    def make_image(self, tower: "TorchImageTower") -> Graph:
        """Find the graph of the image tower, or export it. Raises ValueError where that is refused, and OSError."""
        from core.adapters.models.runtimes.export import export_image_tower

        found = self.find("image-float32")
        found = found or self._export("image-float32", lambda folder: export_image_tower(tower, folder))
        if found.refused:
            raise ValueError(found.refused)
        return found

    def make_int8(self, tower: "TorchImageTower") -> Graph:
        """Find the int8 graph of the image tower, or make it. Raises as `make_image`."""
        from core.adapters.models.runtimes.quantization import quantize_graph

        found = self.find("image-int8")
        if found is None:
            whole = self.make_image(tower)
            found = self._export("image-int8", lambda folder: quantize_graph(whole, folder))
        if found.refused:
            raise ValueError(found.refused)
        return found

    def make_text(self, tower: "TorchTextTower") -> None:
        """Keep the graph of the text tower, where that can be."""
        from core.adapters.models.runtimes.export import export_text_tower

        record = TrialRecord(self._fingerprint, "cpu")
        try:
            if record.is_deadly(_TEXT):
                keep_graph(self._fingerprint, _TEXT, lambda _: make_refusal("the process died each time"))
                return
            with record.trying(_TEXT):
                self._export(_TEXT, lambda folder: export_text_tower(tower, folder))
        except (OSError, MemoryError, ImportError) as error:
            log.warning("the text tower cannot be kept, so the next search loads torch again: %s", error)

    def _export(self, kind: Kind, make: Callable[[Path], dict[str, Any]]) -> Graph:
        """Keep a graph, or why these versions make none. Raises OSError, MemoryError and ImportError."""
        try:
            return keep_graph(self._fingerprint, kind, make)
        except (OSError, MemoryError, ImportError):
            raise
        except Exception as error:  # the exporter's, of every kind: what cannot be exported runs in torch
            reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            if "memory" in reason:  # which torch says by RuntimeError
                raise MemoryError(reason) from error
            log.warning("a tower cannot be exported, so torch computes: tower=%s error=%s", kind, reason)
            return keep_graph(self._fingerprint, kind, lambda _: make_refusal(reason))

    def try_keep(self, kind: Kind, facts: dict[str, Any]) -> None:
        """Keep facts without a graph, where that can be."""
        try:
            keep_graph(self._fingerprint, kind, lambda _: facts)
        except OSError as error:
            log.info("nothing can be kept of this model, so each process loads torch: %s", error)
