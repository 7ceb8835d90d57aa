"""The CLIP adapter over real model classes with random weights, and over the shipped demo model."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer

from core.adapters.models.encoders.clip_encoder import ClipEncoder
from core.adapters.models.encoders.loader import load_encoder
from core.adapters.models.encoders.torch_towers import TorchTextTower
from core.adapters.models.runtimes.encoder import RuntimeEncoder
from core.adapters.models.torch_runtime import choose_dtype
from core.domain.model_catalog import DEMO_WEIGHTS
from core.errors import ModelUnavailable
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from demo.scenes import sample_library
from tests.support.model_folders import WORDS, make_tiny_captioner, make_tiny_clip, make_vit_b_32

ROOT = Path(__file__).resolve().parents[5]
SIZES = ((640, 480), (480, 640), (600, 300), (90, 180), (224, 224), (50, 50), (511, 333))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def vit_b_32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vit_b_32(tmp_path_factory.mktemp("models") / "vit-b-32")


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> ClipEncoder:
    return _load(tiny)


@pytest.fixture(scope="module")
def demo() -> ClipEncoder:
    return _load("demo")


def _load(folder: Path | str) -> ClipEncoder:
    encoder = load_encoder(str(folder), device="cpu")
    assert isinstance(encoder, ClipEncoder)
    return encoder


def _pictures() -> list[Image.Image]:
    """Drawn scenes under a gradient, in odd shapes: neither flat nor noise, and no two alike."""
    pictures = []
    for seed, (width, height) in enumerate(SIZES):
        scene = sample_library.draw(sample_library.library_scene(seed), 512).resize((width, height))
        ramp = np.linspace(0, 60, width, dtype=np.float32)[None, :, None] + np.zeros((height, 1, 3), np.float32)
        pictures.append(Image.fromarray((np.asarray(scene, np.float32) * 0.75 + ramp).astype(np.uint8)))
    return pictures


def _decoded(picture: Image.Image, spec: PixelSpec) -> np.ndarray:
    file = io.BytesIO()
    picture.save(file, "PNG")
    pixels = decode(file.getvalue(), DecodeRequest(pixels=spec), ImageLimits()).pixels
    assert pixels is not None
    return pixels


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors.astype(np.float64), axis=1)


# -------------------------------------------------------------------------------------------------- the same vectors


@pytest.mark.parametrize("model", ["tiny-squash", "tiny-crop", "vit-b-32", "demo"])
def test_image_vectors_equal_those_of_sentence_transformers(
    model: str, tiny: Path, vit_b_32: Path, tmp_path: Path
) -> None:
    folders = {"tiny-squash": tiny, "vit-b-32": vit_b_32, "demo": DEMO_WEIGHTS / "clip"}
    folder = folders.get(model) or make_tiny_clip(tmp_path / "crop", crop=True)
    ours = _load("demo" if model == "demo" else folder)
    theirs = SentenceTransformer(
        str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
    )
    pictures = _pictures()
    expected = theirs.encode(pictures, normalize_embeddings=True, show_progress_bar=False)
    vectors = ours.encode_images(np.stack([_decoded(picture, ours.pixels) for picture in pictures]))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(_lengths(vectors), 1, atol=1e-6)
    assert (vectors * expected).sum(axis=1).min() >= 0.999


def test_the_golden_test_can_tell_pictures_apart(demo: ClipEncoder) -> None:
    vectors = demo.encode_images(np.stack([_decoded(picture, demo.pixels) for picture in _pictures()]))
    cosines = vectors @ vectors.T
    assert cosines[~np.eye(len(cosines), dtype=bool)].max() < 0.999


def test_text_vectors_equal_those_of_sentence_transformers(tiny: Path, encoder: ClipEncoder) -> None:
    theirs = SentenceTransformer(str(tiny), device="cpu", local_files_only=True)
    texts = ["a red car", "three umbrellas at night in the snow", "dog"]
    expected = theirs.encode([{"text": text} for text in texts], normalize_embeddings=True, show_progress_bar=False)
    assert (encoder.encode_texts(texts).vectors * expected).sum(axis=1).min() >= 0.999


def test_batches_keep_their_order(encoder: ClipEncoder) -> None:
    texts = [f"{WORDS[n % 7]} {WORDS[n % 11]} {WORDS[n % 13]}" for n in range(150)]
    together = encoder.encode_texts(texts).vectors
    alone = np.concatenate([encoder.encode_texts([text]).vectors for text in texts[::29]])
    assert (together[::29] * alone).sum(axis=1).min() > 0.999
    assert together.shape == (150, encoder.dimension)


def test_nothing_in_nothing_out(encoder: ClipEncoder) -> None:
    size = encoder.pixels.size
    assert encoder.encode_images(np.empty((0, size, size, 3), np.uint8)).shape == (0, encoder.dimension)
    assert encoder.encode_texts([]).vectors.shape == (0, encoder.dimension)


def test_an_empty_text_gets_a_vector(encoder: ClipEncoder) -> None:
    np.testing.assert_allclose(_lengths(encoder.encode_texts(["", "  "]).vectors), 1, atol=1e-6)


def test_threads_share_an_encoder(encoder: ClipEncoder) -> None:
    texts = [" ".join(WORDS[n : n + 1 + n % 20]) for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda text: encoder.encode_texts([text]), texts))
    serial = [encoder.encode_texts([text]) for text in texts]
    for one, other in zip(parallel, serial, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-6)
        assert (one.truncated, one.unknown) == (other.truncated, other.unknown)


# --------------------------------------------------------------------------------------------------- a query is data


def test_a_path_as_a_query_is_not_opened(encoder: ClipEncoder, tmp_path: Path) -> None:
    picture = tmp_path / "dog.png"
    before = encoder.encode_texts([str(picture)]).vectors
    Image.new("RGB", (40, 40), "red").save(picture)
    np.testing.assert_array_equal(encoder.encode_texts([str(picture)]).vectors, before)
    as_image = encoder.encode_images(_decoded(Image.open(picture), encoder.pixels)[np.newaxis])
    assert not np.allclose(as_image, before, atol=1e-2), "or the test could not tell the two apart"


def test_a_url_as_a_query_is_not_fetched(encoder: ClipEncoder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        encoder.encode_texts([f"http://127.0.0.1:{server.getsockname()[1]}/dog.png"])
        with pytest.raises(TimeoutError):
            server.accept()


# ----------------------------------------------------------------------------------------------- what a person is told


def test_a_long_text_is_reported_as_cut(encoder: ClipEncoder) -> None:
    fits, cut = " ".join(["red"] * 14), " ".join(["red"] * 15)  # 16 tokens with start and end
    assert encoder.encode_texts([fits, cut, cut + " dog"]).truncated == (False, True, True)


def test_byte_pair_vocabularies_cut_and_know_every_word(vit_b_32: Path) -> None:
    encoding = _load(vit_b_32).encode_texts(["a car, a dög, a 犬", "dog " * 76])
    assert encoding.truncated == (False, True)
    assert encoding.unknown == ((), ())


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a red car", ()),
        ("A red ZEBRA and a zebra with the giraffe", ("zebra", "giraffe")),
        ("the woman's dog, behind which a wombat's car", ("behind", "wombat")),
        ("Grün café", ("grün", "café")),
        ("red-blue_green 犬", ("犬",)),
        ("?!", ()),
    ],
)
def test_unknown_words_are_listed_as_typed(encoder: ClipEncoder, text: str, unknown: tuple[str, ...]) -> None:
    assert encoder.encode_texts([text]).unknown == (unknown,)


def test_the_demo_model_says_what_it_is(demo: ClipEncoder, encoder: ClipEncoder) -> None:
    assert (demo.name, demo.remark) == ("demo", "the demo model knows only its drawn scenes")
    assert (demo.dimension, demo.pixels.size) == (256, 96)
    encoding = demo.encode_texts(["three red umbrellas at night", "a dog at night"])
    assert encoding.unknown == ((), ("dog",))
    assert encoder.remark is None


# ------------------------------------------------------------------------------------------------------------ loading


def test_a_local_folder_is_named_by_its_absolute_path(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    assert _load(tiny.name).name == str(tiny)


def test_half_precision_checkpoints_do_not_run_in_half_precision_on_a_cpu(tmp_path: Path) -> None:
    encoder = _load(make_tiny_clip(tmp_path / "half", dtype=torch.float16))
    assert isinstance(encoder, RuntimeEncoder)
    tower = encoder.towers.get_text()
    assert isinstance(tower, TorchTextTower)
    assert next(tower.model.parameters()).dtype is choose_dtype(torch.device("cpu")) is not torch.float16


def test_the_fingerprint_belongs_to_the_weights(tiny: Path, encoder: ClipEncoder, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny, tmp_path / "copy")
    assert _load(copy).fingerprint == encoder.fingerprint
    assert _load(make_tiny_clip(tmp_path / "other", seed=1)).fingerprint != encoder.fingerprint


def test_the_old_layout_of_the_hub_loads(tiny: Path, encoder: ClipEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny, folder / "0_CLIPModel")
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([module]))
    old = _load(folder)
    texts = ["a red car", "dog"]
    np.testing.assert_allclose(old.encode_texts(texts).vectors, encoder.encode_texts(texts).vectors, atol=1e-6)
    assert old.pixels == encoder.pixels


def test_a_saved_sentence_transformer_loads(tiny: Path, encoder: ClipEncoder, tmp_path: Path) -> None:
    folder = str(tmp_path / "saved")
    SentenceTransformer(str(tiny), device="cpu", local_files_only=True).save(folder, create_model_card=False)
    saved = _load(folder).encode_texts(["a red car"]).vectors
    np.testing.assert_allclose(saved, encoder.encode_texts(["a red car"]).vectors, atol=1e-6)


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _pickled_only(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def _cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def _garbage_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 4096)


def _half_the_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("vision_model")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _not_numbers(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["text_projection.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _without_processor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_without_weights, "no model.safetensors"),
        (_pickled_only, "pickled"),
        (_cut_weights, "damaged"),
        (_garbage_weights, "damaged"),
        (_half_the_weights, "lacks some of the weights"),
        (_not_numbers, "not finite"),
        (_without_config, "no config.json"),
        (_broken_config, "config.json cannot be read"),
        (_without_processor, "preprocessor_config.json"),
    ],
)
def test_a_broken_folder_says_what_is_wrong(damage: object, reason: str, tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "broken")
    assert callable(damage)
    damage(folder)
    with pytest.raises(ModelUnavailable, match="three ways out") as caught:
        _load(folder)
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


def test_a_captioner_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="vision-encoder-decoder"):
        _load(make_tiny_captioner(tmp_path / "captioner"))


def test_a_model_that_reads_only_text_is_no_encoder(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel, BertTokenizer, CLIPImageProcessorPil

    config = BertConfig(vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertModel(config).save_pretrained(tmp_path)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "car"]
    BertTokenizer(vocab={word: n for n, word in enumerate(words)}).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match="reads no images"):
        _load(tmp_path)
    CLIPImageProcessorPil().save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match="it reads text; an encoder reads text and images"):
        _load(tmp_path)


@pytest.mark.parametrize(
    "name", ["no-such-model", "/nowhere/at/all", "vit-gpt2", "sentence-transformers/clip-ViT-B-32"]
)
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"clip-ViT-B-32, .*demo\)"):
        _load(name)


def test_a_device_that_is_not_there_is_refused(tiny: Path) -> None:
    missing = "mps" if sys.platform == "linux" else "cuda"
    with pytest.raises(ModelUnavailable, match=f"device {missing}"):
        load_encoder(str(tiny), device=missing)


# ---------------------------------------------------------------------------------------------------- without a network


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that takes connections and never answers."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in held:
            connection.close()


_LOAD_DEFAULT = """
import time
from core.adapters.models.encoders.loader import load_encoder
from core.errors import ModelUnavailable
started = time.perf_counter()
try:
    load_encoder("clip-ViT-B-32", device="cpu")
except ModelUnavailable as error:
    print(f"{time.perf_counter() - started:.1f}")
    print(error)
"""


def _load_default(cache: Path, **environment: str) -> tuple[float, str]:
    """Seconds until ModelUnavailable in a fresh process, and its message."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_DEFAULT],
        cwd=ROOT,
        env=clean | {"HF_HUB_CACHE": str(cache), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seconds, message = done.stdout.split("\n", 1)
    return float(seconds), message


def test_a_hub_that_never_answers_is_given_up_on(black_hole: str, tmp_path: Path) -> None:
    seconds, message = _load_default(tmp_path, HF_ENDPOINT=black_hole)
    assert seconds < 10, "the promise of the command, kept whatever the machine"
    assert "sentence-transformers/clip-ViT-B-32 is not in the cache" in message
    assert str(tmp_path) in message
    assert f"{black_hole} cannot be reached" in message
    for way_out in ("HF_ENDPOINT", "set `model` to a folder", "set it to 'demo'"):
        assert way_out in message


def test_a_hub_that_refuses_is_given_up_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    _, message = _load_default(tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port} cannot be reached" in message


def test_a_hub_that_is_out_of_order_is_given_up_on(tmp_path: Path) -> None:
    class OutOfOrder(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), OutOfOrder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _, message = _load_default(tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "cannot be reached (it answers 503)" in message


def test_offline_mode_asks_nobody(black_hole: str, tmp_path: Path) -> None:
    _, message = _load_default(tmp_path, HF_ENDPOINT=black_hole, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE forbids" in message


def test_a_cached_model_needs_no_network(black_hole: str, tiny: Path, tmp_path: Path) -> None:
    from core.domain.model_catalog import find

    card = find("clip-ViT-B-32", "encoder")
    assert card is not None and card.revision is not None
    snapshot = tmp_path / "models--sentence-transformers--clip-ViT-B-32" / "snapshots" / card.revision
    shutil.copytree(tiny, snapshot / "0_CLIPModel")
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (snapshot / "modules.json").write_text(json.dumps([module]))
    code = (
        "from core.adapters.models.encoders.loader import load_encoder\n"
        "encoder = load_encoder('clip-ViT-B-32', device='cpu')\n"
        "print(encoder.name, encoder.dimension)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": black_hole},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("clip-ViT-B-32 16\n", "")
