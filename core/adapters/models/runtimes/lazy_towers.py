"""The towers of one encoder, each loaded when it is first needed, in the runtime that is kept for it."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.encoders.towers import ImageTower, TextTower
from core.adapters.models.onnx.session import Tower
from core.adapters.models.runtimes import openvino_session
from core.adapters.models.runtimes.choices import Choice, keep_choice, make_choice, read_choice
from core.adapters.models.runtimes.graph_cache import Graph, Kind
from core.adapters.models.runtimes.graph_export import ModelGraphs
from core.adapters.models.runtimes.graph_towers import GraphImageTower, GraphTextTower, Session
from core.adapters.models.runtimes.trial_record import TrialRecord
from core.adapters.models.runtimes.trials import FIRST, NEAR, Candidate, try_candidates
from core.domain.vectors import Matrix, unit
from core.imaging.decode_request import PixelSpec

if TYPE_CHECKING:
    from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower

log = logging.getLogger(__name__)

Precision = Literal["full", "int8"]
_TEXT_DEVICES = ("auto", "cpu")  # with which texts are encoded by the CPU: one text takes it 15 ms
TorchTowers = tuple["TorchImageTower", "TorchTextTower"]


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """What the user wants: a device, a precision, and "auto" or the name of a runtime."""

    device: str = "auto"
    precision: Precision = "full"
    runtime: str = "auto"


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a model before any tower of it is loaded."""

    dimension: int
    spec: PixelSpec


class LazyTowers:
    """The towers of one model. Safe to call from several threads.

    `load` loads both in torch, on a device and in a number type by their names; None is what suits the device.
    """

    def __init__(
        self, fingerprint: str, load: Callable[[str, str | None], TorchTowers], options: RuntimeOptions
    ) -> None:
        self._fingerprint, self._load, self._options = fingerprint, load, options
        self._graphs = ModelGraphs(fingerprint)
        self._lock = threading.RLock()
        self._torch: TorchTowers | None = None
        self._image: ImageTower | None = None
        self._text: TextTower | None = None

    def read_profile(self) -> Profile:
        """Read the kept profile, or load the model in torch to make it. Raises what loading raises."""
        if self._options.device not in _TEXT_DEVICES:
            from core.adapters.models.torch_runtime import choose_device

            choose_device(self._options.device)
        kept = self._graphs.find("profile")
        if kept is not None:
            try:
                given = kept.facts["pixels"]
                return Profile(int(kept.facts["dimension"]), PixelSpec(**{**given, "fill": tuple(given["fill"])}))
            except (LookupError, TypeError, ValueError) as error:
                log.warning("the kept profile of a model is not understood, so torch loads it: error=%r", error)
        image, text = self._load_torch()
        profile = Profile(int(unit(text.encode(["a"])).shape[1]), image.spec)  # `unit` refuses what is no number
        facts = {"dimension": profile.dimension, "pixels": asdict(profile.spec)}
        self._graphs.try_keep("profile", facts)
        return profile

    @property
    def choice(self) -> Choice | None:
        """What was measured on this machine, perhaps with other versions."""
        return read_choice(self._fingerprint, self._options.device, self._options.precision)

    @property
    def is_measured(self) -> bool:
        """Whether nothing is left to be measured, or to be exported for the runtime that is chosen, or named."""
        runtime = self._options.runtime
        if runtime != "auto":
            kind = _kind_of(runtime) if _is_installed(runtime) else None
            return kind is None or self._graphs.find(kind) is not None
        choice = self.choice
        if choice is None or not choice.is_current:
            return False
        kind = _kind_of(choice.runtime)
        return kind is None or self._graphs.find_usable(kind) is not None

    @property
    def runtime(self) -> str:
        """What the user wants: a runtime, or "auto"."""
        return self._options.runtime

    def get_image(self) -> ImageTower:
        """Return the tower of pictures, loaded in its runtime."""
        if self._image is None:
            with self._lock:
                self._image = self._image or self._open_image()
        return self._image

    def get_text(self) -> TextTower:
        """Return the tower of texts, loaded from its graph where there is one and no GPU computes already."""
        if self._text is None:
            with self._lock:
                self._text = self._text or self._open_text()
        return self._text

    def keep_text(self) -> None:
        """Export the tower of texts where that was not done yet, so that the next process needs no torch for it.

        Of a device other than the CPU nothing is kept: texts are encoded there.
        """
        with self._lock:
            if self._options.device in _TEXT_DEVICES and self._graphs.find("text-float32") is None:
                self._graphs.make_text(self._load_reference("cpu")[1])

    def measure(self, pixels: NDArray[np.uint8], stop: threading.Event | None = None) -> Choice:
        """Try the runtimes on a batch of pictures, (N, S, S, 3) uint8, keep what won, and use it from now on.

        Where the user names one, that is used without a trial. Raises TrialsStopped once `stop` is set, and what
        loading raises.
        """
        with self._lock:
            device = self._options.device
            reference = self._load_reference(device)
            on_cpu = reference[0].device.type == "cpu"
            candidates = self._list_candidates(device, on_cpu, reference)
            if self._options.runtime == "auto":
                record = TrialRecord(self._fingerprint, device)
                choice, tower = try_candidates(
                    reference[0], candidates, pixels, on_cpu=on_cpu, record=record, stop=stop
                )
                self._try_keep_choice(choice)
            else:
                choice, tower = self._load_named(reference[0], candidates)
            if on_cpu and self._graphs.find("text-float32") is None:
                self._graphs.make_text(reference[1])
            self._image = tower
            if on_cpu and self._torch is not None and tower is not self._torch[0]:
                self._torch = None  # its weights are no longer needed
            log.info("runtime chosen runtime=%s milliseconds=%s", choice.runtime, choice.milliseconds)
            return choice

    def _load_named(self, reference: "TorchImageTower", candidates: Iterator[Candidate]) -> tuple[Choice, ImageTower]:
        """Load the runtime that the user names, or torch in float32 where that cannot be."""
        name = self._options.runtime
        if name == FIRST:
            return make_choice(name, {}, {}, {}), reference
        reason = "it is not installed, or not for this device"
        for candidate in candidates:
            if candidate.name == name:
                try:
                    return make_choice(name, {}, {}, {}), candidate.load()
                except Exception as error:  # several vendors' exceptions, of every kind: torch is there
                    reason = str(error)
        log.warning("runtime not usable, so torch computes: runtime=%s error=%s", name, reason)
        return make_choice(FIRST, {}, {}, {name: reason}), reference

    def _list_candidates(self, device: str, on_cpu: bool, reference: TorchTowers) -> Iterator[Candidate]:
        image = reference[0]
        yield Candidate("torch-bfloat16", lambda: self._load(device, "bfloat16")[0])
        if on_cpu:
            yield Candidate("onnxruntime-float32", lambda: _open_graph(self._graphs.make_image(image), image.spec))
            if "int8" in (self._options.precision, self._options.runtime.rpartition("-")[2]):
                yield Candidate(
                    "onnxruntime-int8", lambda: _open_graph(self._graphs.make_int8(image), image.spec), NEAR
                )
            if openvino_session.is_installed():
                for dtype in ("float32", "bfloat16"):
                    yield self._make_openvino(image, dtype)
        yield Candidate("torch-float16", lambda: self._load(device, "float16")[0])

    def _make_openvino(self, image: "TorchImageTower", dtype: str) -> Candidate:
        return Candidate(f"openvino-{dtype}", lambda: _open_graph(self._graphs.make_image(image), image.spec, dtype))

    def _open_image(self) -> ImageTower:
        runtime = self._options.runtime
        if runtime == "auto":
            runtime = choice.runtime if (choice := self.choice) else ""
        kind = _kind_of(runtime)
        if not _is_installed(runtime):
            log.warning("runtime not installed, so torch computes: runtime=%s", runtime)
        elif kind is not None and (graph := self._graphs.find_usable(kind)) is not None:
            spec = self.read_profile().spec
            vendor, _, dtype = runtime.partition("-")
            try:
                return _open_graph(graph, spec, dtype if vendor == "openvino" else None)
            except (ValueError, ImportError) as error:
                log.warning("runtime not usable, so torch computes: runtime=%s error=%s", runtime, error)
        return self._load_torch(runtime.removeprefix("torch-") if runtime.startswith("torch-") else None)[0]

    def _open_text(self) -> TextTower:
        computes_elsewhere = self._torch is not None and self._torch[0].device.type != "cpu"
        graph = self._graphs.find_usable("text-float32") if self._options.device in _TEXT_DEVICES else None
        if graph is not None and not computes_elsewhere:
            try:
                return GraphTextTower(Tower(graph.model, device="cpu"), graph)
            except (ValueError, LookupError, TypeError) as error:
                log.warning("the kept text tower cannot be loaded, so torch computes: %s", error)
        return self._load_torch()[1]

    def _load_torch(self, dtype: str | None = None) -> TorchTowers:
        if self._torch is None:
            self._torch = self._load(self._options.device, dtype)
        return self._torch

    def _load_reference(self, device: str) -> TorchTowers:
        """Load the model in torch's float32, or take what is loaded already."""
        if self._torch is not None and device in (self._options.device, self._torch[0].device.type):
            import torch

            if self._torch[0].dtype is torch.float32:
                return self._torch
        return self._load(device, "float32")

    def _try_keep_choice(self, choice: Choice) -> None:
        try:
            keep_choice(self._fingerprint, self._options.device, self._options.precision, choice)
        except OSError as error:
            log.warning("the choice of a runtime cannot be kept: %s", error)


class LazyImageTower:
    """An ImageTower that is loaded at its first picture."""

    def __init__(self, towers: LazyTowers, spec: PixelSpec) -> None:
        self.spec = spec
        self._towers = towers

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        return self._towers.get_image().encode(pixels)


class LazyTextTower:
    """A TextTower that is loaded at its first text."""

    def __init__(self, towers: LazyTowers) -> None:
        self._towers = towers

    def encode(self, texts: Sequence[str]) -> Matrix:
        return self._towers.get_text().encode(texts)

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        return self._towers.get_text().find_truncated(texts)

    def find_unknown(self, text: str) -> tuple[str, ...]:
        return self._towers.get_text().find_unknown(text)


def _kind_of(runtime: str) -> Kind | None:
    """Return which graph a runtime computes; None for torch, and where nothing was chosen."""
    if not runtime.startswith(("onnxruntime-", "openvino-")):
        return None
    return "image-int8" if runtime.endswith("int8") else "image-float32"


def _is_installed(runtime: str) -> bool:
    """Whether the package of a runtime is here; that of OpenVINO alone is an extra."""
    return not runtime.startswith(f"{openvino_session.PACKAGE}-") or openvino_session.is_installed()


def _open_graph(graph: Graph, spec: PixelSpec, openvino: str | None = None) -> GraphImageTower:
    """Load a graph of pictures in ONNX Runtime, or in OpenVINO to compute in the given number type."""
    session: Session
    if openvino is None:
        session = Tower(graph.model, device="cpu")
    else:
        session = openvino_session.OpenVinoTower(graph.model, openvino)
    return GraphImageTower(session, spec)
