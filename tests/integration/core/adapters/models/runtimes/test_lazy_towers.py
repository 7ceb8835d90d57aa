"""What runs without torch answers as torch does, on the shipped demo model and drawn scenes."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.adapters.models.encoders.loader import find_fingerprint, load_encoder
from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower
from core.adapters.models.files.model_files import locate
from core.adapters.models.runtimes import encoder as encoder_module
from core.adapters.models.runtimes import export, graph_cache, openvino_session
from core.adapters.models.runtimes.choices import keep_choice, make_choice, read_choice
from core.adapters.models.runtimes.encoder import RuntimeEncoder
from core.adapters.models.runtimes.graph_cache import find_graph, keep_graph, make_refusal
from core.adapters.models.runtimes.graph_towers import GraphImageTower, GraphTextTower
from core.adapters.models.runtimes.lazy_towers import LazyTowers, RuntimeOptions, TorchTowers
from core.domain.vectors import Matrix
from core.imaging.decode_request import PixelSpec
from core.imaging.model_input import resize_to_input
from demo.scenes.painting import draw
from demo.scenes.sample_library import library_scene

SCENES = 80
QUERIES = ("a red car", "three stars at night", "a dog", "", "blue house on a green field", "yellow " * 60)
ROOT = Path(__file__).resolve().parents[6]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of graphs of a test's own, as after the first start on a machine."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    yield tmp_path


def load(**options: str) -> RuntimeEncoder:
    encoder = load_encoder("demo", device="cpu", **options)  # type: ignore[arg-type]
    assert isinstance(encoder, RuntimeEncoder)
    return encoder


def draw_pixels(spec: PixelSpec, count: int) -> NDArray[np.uint8]:
    """Drawn scenes as a decode worker hands them over: (N, S, S, 3)."""
    images = [draw(library_scene(number), spec.size) for number in range(count)]
    return np.stack([resize_to_input(image, image.size, image.size, spec, tiles=False) for image in images])


def find_best(queries: Matrix, pictures: Matrix) -> list[set[int]]:
    return [set(map(int, row)) for row in np.argsort(-queries @ pictures.T, axis=1, kind="stable")[:, :10]]


def test_graphs_answer_as_torch_does(cache: Path) -> None:
    torch = load(runtime="torch-float32")
    pixels = draw_pixels(torch.pixels, SCENES)
    pictures, texts = torch.encode_images(pixels), torch.encode_texts(QUERIES)
    torch.towers.measure(pixels[:4])
    graph = load(runtime="onnxruntime-float32")
    graph.measure(pixels[:4])
    assert isinstance(graph.towers.get_image(), GraphImageTower)
    assert isinstance(graph.towers.get_text(), GraphTextTower)
    assert isinstance(torch.towers.get_text(), TorchTextTower)
    assert (graph.fingerprint, graph.dimension, graph.pixels) == (torch.fingerprint, torch.dimension, torch.pixels)
    own, words = graph.encode_images(pixels), graph.encode_texts(QUERIES)
    assert (own * pictures).sum(1).min() > 0.9999 and (words.vectors * texts.vectors).sum(1).min() > 0.9999
    assert (words.truncated, words.unknown) == (texts.truncated, texts.unknown)
    same = [len(a & b) for a, b in zip(find_best(own, own), find_best(pictures, pictures), strict=True)]
    same += [len(a & b) for a, b in zip(find_best(words.vectors, own), find_best(texts.vectors, pictures), strict=True)]
    assert np.mean(same) >= 9.9

    eight = load(runtime="onnxruntime-int8", precision="int8")
    eight.measure(pixels[:4])
    rough = eight.encode_images(pixels)
    assert eight.fingerprint == torch.fingerprint
    assert 0.95 < (rough * pictures).sum(1).min() < 0.99999


def test_a_measurement_is_kept_and_used(cache: Path) -> None:
    encoder = load()
    assert not encoder.towers.is_measured
    choice = encoder.measure(draw_pixels(encoder.pixels, 16))
    assert choice.runtime in choice.milliseconds and not choice.runtime.endswith("int8")
    assert choice.milliseconds[choice.runtime] <= choice.milliseconds["torch-float32"]
    assert all(choice.cosines[name] >= 0.9995 for name in choice.milliseconds)
    assert {"torch-float32", "onnxruntime-float32"} <= set(choice.milliseconds)
    later = load()
    assert later.towers.is_measured
    assert isinstance(later.towers.get_image(), GraphImageTower) == choice.runtime.startswith(("onnx", "openvino"))


def test_a_large_ingest_measures_once_and_a_small_one_never(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "MANY", 20)
    told: list[str] = []
    encoder = load()
    pixels = draw_pixels(encoder.pixels, 16)
    encoder.encode_images(pixels)
    encoder.encode_images(pixels)
    assert told == [] and not encoder.towers.is_measured  # nobody allowed it
    encoder.allow_measuring(told.append)
    encoder.encode_images(pixels)
    assert told == []
    before = encoder.encode_images(pixels)
    assert len(told) == 1 and encoder.towers.is_measured
    encoder.allow_measuring(told.append)
    after = encoder.encode_images(pixels)
    assert len(told) == 1 and (before * after).sum(1).min() > 0.999


def test_a_choice_of_other_versions_is_used_until_it_is_measured_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load()
    encoder.measure(draw_pixels(encoder.pixels, 4))
    path = next(cache.glob("bucketlens-runtimes.json"))
    path.write_text(path.read_text().replace("onnxruntime ", "onnxruntime 0."))
    stale = load()
    assert stale.towers.choice is not None and not stale.towers.is_measured


def test_damaged_graphs_are_passed_over_and_made_anew(cache: Path) -> None:
    encoder = load()
    wanted = encoder.encode_texts(QUERIES).vectors
    encoder.keep_text_tower()
    graph = find_graph(encoder.fingerprint, "text-float32")
    assert graph is not None
    weights = graph.folder / "model.onnx.data"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 0xFF
    weights.write_bytes(data)
    assert find_graph(encoder.fingerprint, "text-float32") is None
    again = load()
    assert isinstance(again.towers.get_text(), TorchTextTower)
    again.keep_text_tower()
    assert isinstance(load().towers.get_text(), GraphTextTower)
    assert (load().encode_texts(QUERIES).vectors * wanted).sum(1).min() > 0.9999


def test_where_nothing_can_be_kept_torch_goes_on(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "bucketlens-graphs").write_text("a file in the place of the folder")
    encoder = load()
    encoder.keep_text_tower()
    pixels = draw_pixels(encoder.pixels, 8)
    choice = encoder.measure(pixels)
    assert "onnxruntime-float32" in choice.refused and choice.runtime.startswith("torch-")
    assert len(encoder.encode_images(pixels)) == 8
    assert isinstance(encoder.towers.get_image(), TorchImageTower)


def test_a_measurement_that_cannot_be_kept_is_made_once_a_process(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "MANY", 8)
    (cache / "bucketlens-graphs").write_text("a file in the place of the folder")
    (cache / "bucketlens-runtimes.json").mkdir()
    told: list[str] = []
    encoder = load()
    pixels = draw_pixels(encoder.pixels, 9)
    for _ in range(3):
        encoder.allow_measuring(told.append)
        encoder.encode_images(pixels)
    assert len(told) == 1 and not encoder.towers.is_measured


def test_a_measurement_that_fails_or_is_stopped_ends_no_ingest(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "MANY", 8)
    failing, stopped = load(), load()
    pixels = draw_pixels(failing.pixels, 9)
    wanted = failing.encode_images(pixels)
    monkeypatch.setattr(failing.towers, "measure", lambda *_: (_ for _ in ()).throw(MemoryError))
    failing.allow_measuring(str)
    assert np.array_equal(failing.encode_images(pixels), wanted)
    stop = threading.Event()
    stop.set()
    stopped.allow_measuring(str, stop)
    assert np.array_equal(stopped.encode_images(pixels), wanted)
    assert stopped.towers.choice is None


def test_graphs_that_were_deleted_are_exported_again(cache: Path) -> None:
    encoder = load()
    keep_choice(encoder.fingerprint, "cpu", "full", make_choice("onnxruntime-float32", {}, {}, {}))
    assert not load().towers.is_measured
    encoder.towers.measure(draw_pixels(encoder.pixels, 4))
    keep_choice(encoder.fingerprint, "cpu", "full", make_choice("onnxruntime-float32", {}, {}, {}))
    assert load().towers.is_measured
    shutil.rmtree(cache / "bucketlens-graphs")
    assert not load().towers.is_measured


@pytest.mark.parametrize("runtime", ["openvino-float32", "onnxruntime-float32"])
def test_a_named_runtime_that_cannot_be_used_leaves_it_to_torch(
    cache: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.setattr(openvino_session, "is_installed", lambda: False)
    encoder = load(runtime=runtime)
    keep_graph(encoder.fingerprint, "image-float32", lambda _: make_refusal("it has an odd layer"))
    choice = encoder.measure(draw_pixels(encoder.pixels, 4))
    assert choice.runtime == "torch-float32" and list(choice.refused) == [runtime]
    assert isinstance(encoder.towers.get_image(), TorchImageTower)
    assert load(runtime=runtime).towers.is_measured  # there is nothing more to be done


def test_what_is_kept_can_lie_apart_from_models_that_cannot_be_written(
    cache: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("kept") / "new"
    monkeypatch.setenv("BUCKETLENS_CACHE", str(folder))
    encoder = load()
    encoder.measure(draw_pixels(encoder.pixels, 4))
    assert {path.name for path in folder.iterdir()} == {"bucketlens-graphs", "bucketlens-runtimes.json"}
    assert list(cache.iterdir()) == []


def test_no_text_tower_is_kept_for_a_device_that_encodes_texts_itself(cache: Path) -> None:
    def fail(device: str, dtype: str | None) -> TorchTowers:
        raise AssertionError("nothing is to be loaded")

    LazyTowers("f", fail, RuntimeOptions(device="cuda")).keep_text()
    assert list(cache.iterdir()) == []


def test_int8_can_be_named_alone(cache: Path) -> None:
    encoder = load(runtime="onnxruntime-int8")
    assert encoder.measure(draw_pixels(encoder.pixels, 4)).runtime == "onnxruntime-int8"
    assert isinstance(encoder.towers.get_image(), GraphImageTower)


def test_each_runtime_is_tried_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_session, "is_installed", lambda: True)
    tried: list[str] = []
    monkeypatch.setattr(openvino_session, "OpenVinoTower", lambda _, dtype: tried.append(dtype))
    encoder = load()
    encoder.measure(draw_pixels(encoder.pixels, 4))
    assert tried == ["float32", "bfloat16"]


def test_a_refusal_by_other_versions_counts_for_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load()
    with monkeypatch.context() as context:
        context.setattr(graph_cache, "read_versions", lambda: "torch 0.1")
        keep_graph(encoder.fingerprint, "text-float32", lambda _: make_refusal("it has an odd layer"))
        kept = find_graph(encoder.fingerprint, "text-float32")
        assert kept is not None and kept.refused == "it has an odd layer"
    encoder.keep_text_tower()
    assert isinstance(load().towers.get_text(), GraphTextTower)


def test_a_lack_of_memory_is_no_refusal(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] can't allocate memory")

    encoder = load()
    with monkeypatch.context() as context:
        context.setattr(export, "export_text_tower", fail)
        encoder.keep_text_tower()
    assert find_graph(encoder.fingerprint, "text-float32") is None


def test_a_profile_that_is_not_understood_is_made_anew(cache: Path) -> None:
    wanted = load()
    graph = find_graph(wanted.fingerprint, "profile")
    assert graph is not None
    path = graph.folder / "manifest.json"
    path.write_text(path.read_text().replace('"size"', '"side"'))
    again = load()
    assert (again.dimension, again.pixels) == (wanted.dimension, wanted.pixels)


def test_what_a_killed_export_left_is_deleted(cache: Path) -> None:
    folder = cache / "bucketlens-graphs" / "f" / ".image-float32-abcd"
    folder.mkdir(parents=True)
    (folder / "model.onnx.data").write_bytes(b"half")
    young = folder.with_name(".image-float32-efgh")
    young.mkdir()
    os.utime(folder, (0, 0))
    keep_graph("f", "text-float32", lambda _: {})
    assert not folder.exists() and young.exists()


def test_the_fingerprint_needs_no_model_library() -> None:
    assert find_fingerprint(locate("demo", "encoder")) == load().fingerprint


def test_a_damaged_record_of_choices_counts_as_none(cache: Path) -> None:
    (cache / "bucketlens-runtimes.json").write_text(json.dumps({"x": 1}))
    assert read_choice("f" * 16, "cpu", "full") is None
    assert make_choice("torch-float32", {}, {}, {}).is_current


_SCRIPT = """
import sys
from core.adapters.models.encoders.loader import load_encoder
encoder = load_encoder("demo", device="auto")
print(encoder.encode_texts(["a red car"]).vectors.shape, encoder.dimension, encoder.pixels.size)
print(sorted({"torch", "transformers", "sentence_transformers", "onnx"} & set(sys.modules)))
"""


def test_a_text_is_encoded_without_a_model_library_in_the_process(cache: Path) -> None:
    load().keep_text_tower()
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env=os.environ | {"HF_HOME": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == ["(1, 256) 256 96", "[]"]
