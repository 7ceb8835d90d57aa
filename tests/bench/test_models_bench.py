"""What encoders cost: a picture in each runtime, and the first text of a process. The architecture is ViT-B/32.

Weights are random, which costs the same. Figures are seconds of CPU: they count no work of others on the machine.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.adapters.models.encoders.loader import load_encoder
from core.adapters.models.runtimes import openvino_session
from core.adapters.models.runtimes.encoder import RuntimeEncoder
from core.adapters.models.runtimes.graph_towers import GraphImageTower
from tests.support.benchmark import RUNS, Row, in_turn, record, time_cpu
from tests.support.model_folders import make_vit_b_32

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parents[2]
BATCH = int(os.environ.get("BENCH_BATCH", "32"))
GROUP = "encoder, ViT-B/32"
_FIRST_TEXT = """
import sys
from core.adapters.models.encoders.loader import load_encoder
load_encoder(sys.argv[1], device="cpu").encode_texts(["a red car in the snow"])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vit_b_32(tmp_path_factory.mktemp("model") / "vit-b-32")


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (BATCH, 224, 224, 3), dtype=np.uint8)


def test_a_picture_by_runtime(folder: Path, pixels: NDArray[np.uint8]) -> None:
    reference = _load(folder, "torch-float32", pixels)
    named = {"torch-bfloat16": "", "onnxruntime-float32": "1.2 ×", "onnxruntime-int8": "2 ×"}
    if openvino_session.is_installed():
        named["openvino-float32"] = "1.4 ×"
    for runtime, limit in named.items():
        encoder = _load(folder, runtime, pixels)
        ours, theirs = in_turn(_measure(encoder, pixels), _measure(reference, pixels))
        work = f"a picture, batches of {BATCH}: {runtime}, CPU"
        record(Row(GROUP, work, "ms", ours, "torch float32", theirs, limit))


def test_the_first_text_of_a_process(folder: Path, tmp_path: Path) -> None:
    """With what an ingest kept, and on a machine where nothing is kept and nothing can be."""
    load_encoder(str(folder), device="cpu").keep_text_tower()  # type: ignore[attr-defined]
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / "bucketlens-graphs").touch()
    ours, theirs = in_turn(
        lambda: _encode_first_text(folder, os.environ["HF_HOME"]), lambda: _encode_first_text(folder, str(nothing))
    )
    record(Row(GROUP, "the first text of a process, CPU", "s", ours, "through torch", theirs, "4 ×"))
    assert len(ours) == RUNS


def _load(folder: Path, runtime: str, pixels: NDArray[np.uint8]) -> RuntimeEncoder:
    precision = "int8" if runtime.endswith("int8") else "full"
    encoder = load_encoder(str(folder), device="cpu", precision=precision, runtime=runtime)
    assert isinstance(encoder, RuntimeEncoder)
    if not encoder.towers.is_measured:
        encoder.measure(pixels)
    is_graph = isinstance(encoder.towers.get_image(), GraphImageTower)
    assert is_graph == runtime.startswith(("onnxruntime", "openvino")), f"{runtime} cannot be used here"
    return encoder


def _measure(encoder: RuntimeEncoder, pixels: NDArray[np.uint8]) -> Callable[[], float]:
    return lambda: time_cpu(lambda: encoder.encode_images(pixels)) * 1000 / len(pixels)


def _encode_first_text(folder: Path, cache: str) -> float:
    """Encode one text in a process of its own. Returns its seconds of CPU."""
    environment = os.environ | {"HF_HOME": cache, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", _FIRST_TEXT, str(folder)], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
