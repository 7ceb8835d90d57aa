"""Fetching models from a hub over HTTP: whole, after a stop, and refused where something is wrong."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, save_model
from safetensors.numpy import save

from core.adapters.local import free_space
from core.adapters.models.files.hub import fetch
from core.adapters.models.files.manifest import read_manifest
from core.adapters.models.files.snapshot import find_commit, find_local_folder
from core.adapters.models.files.verification import verify
from core.domain import model_catalog
from core.domain.model_catalog import ModelCard
from core.errors import ModelUnavailable
from core.errors.hints import ChooseModel
from tests.support.model_folders import make_tiny_captioner
from tests.support.servers.hub_stub import COMMIT, HubStub, serving_hub

ROOT = Path(__file__).resolve().parents[5]
REPOSITORY = "google/siglip2-base-patch16-224"
WEIGHTS = save({"a": np.arange(60_000, dtype=np.float32)})
FILES = {
    "config.json": b'{"model_type": "siglip"}',
    "preprocessor_config.json": b"{}",
    "tokenizer.json": json.dumps({"words": ["w" * 50] * 100}).encode(),
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"\x80\x02pickle" * 1000,
    "modeling_siglip.py": b"import os",
    "README.md": b"# A model",
    "onnx/config.json": b"{}",
}
FETCHED = ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]


def _card(name: str = "siglip2-base", **values: object) -> ModelCard:
    card = model_catalog.find_all(name)[0]
    return replace(card, **values)  # type: ignore[arg-type]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStub]:
    from huggingface_hub import constants

    with serving_hub({REPOSITORY: FILES}) as stub:
        monkeypatch.setattr(constants, "ENDPOINT", stub.url)
        template = stub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)  # else these files come in one piece
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
        yield stub


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_is_loaded_is_fetched_and_recorded(hub: HubStub) -> None:
    card = _card()
    told: list[tuple[int, int]] = []
    folder = fetch(card, lambda here, everything: told.append((here, everything)))
    assert folder == find_local_folder(card) and folder.name == COMMIT == find_commit(card)
    assert _names(folder) == sorted(["bucketlens-manifest.json", *FETCHED])
    assert {name: (folder / name).read_bytes() for name in FETCHED} == {name: FILES[name] for name in FETCHED}
    manifest = read_manifest(folder)
    assert manifest is not None and (manifest.repository, manifest.commit) == (REPOSITORY, COMMIT)
    assert {name: record.sha256 for name, record in manifest.files.items()} == {
        name: hashlib.sha256(FILES[name]).hexdigest() for name in FETCHED
    }
    size = sum(len(FILES[name]) for name in FETCHED)
    assert told[-1] == (size, size) and [here for here, _ in told] == sorted(here for here, _ in told)
    assert verify(folder, card).sound
    assert {name for _, name, _ in hub.asked} == set(FETCHED)


def test_a_second_fetch_brings_no_byte_again(hub: HubStub) -> None:
    fetch(_card())
    sent = hub.sent
    fetch(_card())
    assert hub.sent == sent


def test_a_connection_that_is_cut_is_taken_up_where_it_ended(hub: HubStub) -> None:
    hub.cut["model.safetensors"], hub.cuts["model.safetensors"] = 70_000, 2
    folder = fetch(_card())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    ranges = hub.downloads("model.safetensors")
    assert len(ranges) == 3 and ranges[0] == "" and ranges[1].startswith("bytes=") and ranges[2] != ranges[1]


def test_what_came_before_a_hub_went_away_is_kept(hub: HubStub) -> None:
    hub.cut["model.safetensors"] = 100_000

    def vanish(here: int, _: int) -> None:
        if here > 90_000:
            hub.status = 500

    with pytest.raises(ModelUnavailable, match=r"failed, which keeps what came so far: .*Server error '500") as caught:
        fetch(_card(), vanish)
    assert caught.value.hint == ChooseModel("model", "siglip2-base")
    assert find_local_folder(_card()) is None
    hub.status, before = None, hub.sent
    assert (fetch(_card()) / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.sent - before < len(WEIGHTS) - 50_000, "the rest alone"


def test_a_killed_fetch_goes_on_where_it_ended(hub: HubStub, tmp_path: Path) -> None:
    hub.cut["model.safetensors"], hub.held = 150_000, threading.Event()
    code = (
        "from huggingface_hub import constants\n"
        "from core.adapters.models.files.hub import fetch\n"
        "constants.DOWNLOAD_CHUNK_SIZE = 4096\n"
        "from core.domain import model_catalog\n"
        "fetch(model_catalog.find_all('siglip2-base')[0], lambda here, everything: print(here, flush=True))"
    )
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "hub")}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        blobs = tmp_path / "hub" / "models--google--siglip2-base-patch16-224" / "blobs"
        part = blobs / f"{hashlib.sha256(WEIGHTS).hexdigest()}.incomplete"
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
    hub.held.set()
    before = hub.sent
    folder = fetch(_card())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.sent - before < len(WEIGHTS) - 50_000
    assert hub.downloads("model.safetensors")[-1].startswith("bytes=")
    assert not list(blobs.glob("*.incomplete"))


def test_bytes_that_are_not_the_hub_s_are_never_taken(hub: HubStub) -> None:
    hub.wrong["model.safetensors"] = WEIGHTS[:-1] + b"!"
    with pytest.raises(ModelUnavailable, match="did not arrive as the hub has it"):
        fetch(_card())
    hub.wrong.clear()
    assert (fetch(_card()) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_file_of_another_size_is_never_taken(hub: HubStub) -> None:
    hub.wrong["tokenizer.json"] = FILES["tokenizer.json"] + b" "
    with pytest.raises(ModelUnavailable, match="Consistency check failed"):
        fetch(_card())
    assert find_local_folder(_card()) is None


def test_what_is_damaged_here_is_brought_anew_and_nothing_else(hub: HubStub) -> None:
    folder = fetch(_card())
    weights = (folder / "model.safetensors").resolve()
    weights.write_bytes(WEIGHTS[:-1] + b"!")
    assert [file.path for file in verify(folder).files if file.state == "changed"] == ["model.safetensors"]
    hub.asked.clear()
    fetch(_card())
    assert verify(folder).sound and {name for method, name, _ in hub.asked if method == "GET"} == {"model.safetensors"}


def test_a_token_is_for_the_hub_alone(hub: HubStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(_card())
    assert hub.tokens == {"model.safetensors": None, "tokenizer.json": None}


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("config.json", b'{"auto_map": {"AutoModel": "modeling_siglip.Model"}}', "auto_map in config.json"),
        ("tokenizer_config.json", b'{"auto_map": {"AutoTokenizer": ["t.T", null]}}', "auto_map in tokenizer_config"),
        ("modules.json", b'[{"idx": 0, "path": "", "type": "custom_st.Transformer"}]', "custom_st.Transformer"),
    ],
)
def test_code_of_a_repository_is_refused_before_its_weights(
    path: str, content: bytes, reason: str, hub: HubStub
) -> None:
    hub.files[REPOSITORY][path] = content
    with pytest.raises(ModelUnavailable, match=reason):
        fetch(_card())
    assert not hub.downloads("model.safetensors")


def test_a_repository_of_pickles_is_refused(hub: HubStub) -> None:
    del hub.files[REPOSITORY]["model.safetensors"]
    with pytest.raises(ModelUnavailable, match=r"no model.safetensors .* is a pickle, which is not taken"):
        fetch(_card())
    assert not hub.asked


def test_a_disk_without_room_is_told_before_anything_is_fetched(hub: HubStub, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = free_space.RESERVE + len(WEIGHTS) - 1

    monkeypatch.setattr(free_space.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(ModelUnavailable, match=r"MiB free and .* MiB are needed") as caught:
        fetch(_card())
    assert "HF_HOME" in str(caught.value.hint) and not hub.asked


@pytest.mark.parametrize(("status", "told"), [(401, "401"), (404, "404"), (429, "429")])
def test_what_the_hub_answers_is_told(status: int, told: str, hub: HubStub) -> None:
    hub.status = status
    with pytest.raises(ModelUnavailable, match=told):
        fetch(_card(revision=COMMIT))


def test_a_pinned_commit_that_the_hub_does_not_know_is_told(hub: HubStub) -> None:
    with pytest.raises(ModelUnavailable, match="404"):
        fetch(_card(revision="0" * 40))


def test_the_commit_that_was_fetched_stays_the_one_in_use(hub: HubStub) -> None:
    folder = fetch(_card())
    main = folder.parents[1] / "refs"
    main.mkdir(exist_ok=True)
    (main / "main").write_text("1" * 40)  # another program has fetched a newer main
    assert find_local_folder(_card()) == folder


def test_pickled_weights_of_the_table_are_read_as_data_and_kept_as_safetensors(hub: HubStub, tmp_path: Path) -> None:
    from core.adapters.models.captioners.vision_captioner import load_captioner

    made = make_tiny_captioner(tmp_path / "made", pickled=True)
    card = model_catalog.find("vit-gpt2", "captioner")
    assert card is not None and card.repository is not None and card.revision is not None
    hub.files[card.repository] = {path.name: path.read_bytes() for path in made.iterdir()}
    hub.commits[card.repository] = card.revision
    folder = fetch(card)
    assert (folder / "model.safetensors").is_file() and find_local_folder(card) == folder
    assert not any("pytorch_model" in path.name for path in folder.parents[1].rglob("*"))
    assert verify(folder, card).sound
    whole = load_captioner("vit-gpt2", device="cpu").caption(np.zeros((1, 32, 32, 3), np.uint8))
    assert whole == load_captioner(str(make_tiny_captioner(tmp_path / "same")), device="cpu").caption(
        np.zeros((1, 32, 32, 3), np.uint8)
    )


def test_a_pickle_that_calls_for_code_is_not_read(hub: HubStub, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    made = make_tiny_captioner(tmp_path / "made", pickled=True)
    torch.save({"weights": Trap()}, made / "pytorch_model.bin")
    card = model_catalog.find("vit-gpt2", "captioner")
    assert card is not None and card.repository is not None and card.revision is not None
    hub.files[card.repository] = {path.name: path.read_bytes() for path in made.iterdir()}
    hub.commits[card.repository] = card.revision
    with pytest.raises(ModelUnavailable, match="cannot be read as data alone"):
        fetch(card)
    assert not (tmp_path / "sprung").exists() and find_local_folder(card) is None


def _onnx_files(folder: Path, location: str = "weights.data") -> dict[str, bytes]:
    """Two towers, that of the image with its weights in another file, and what Immich's repositories hold besides."""
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4096])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4096])]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", inputs, outputs, [weights])
    (folder / "visual").mkdir(parents=True)
    save_model(helper.make_model(graph), folder / "inside.onnx")
    save_model(
        helper.make_model(graph),
        folder / "visual" / "model.onnx",
        save_as_external_data=True,
        location=location,
        size_threshold=0,
    )
    return {
        "config.json": b'{"embed_dim": 4}',
        "visual/model.onnx": (folder / "visual" / "model.onnx").read_bytes(),
        f"visual/{location}": (folder / "visual" / location).read_bytes(),
        "visual/preprocess_cfg.json": b"{}",
        "textual/model.onnx": (folder / "inside.onnx").read_bytes(),
        "textual/tokenizer.json": b"{}",
        "textual/tokenizer_config.json": b"{}",
        "visual/model.armnn": b"a" * 9000,
        "visual/fp16/model.armnn": b"a" * 9000,
        "visual/rknpu/rk3588/model.rknn": b"r" * 9000,
        "textual/other.data": b"o" * 9000,
    }


def test_onnx_towers_are_fetched_with_the_data_files_that_they_name(hub: HubStub, tmp_path: Path) -> None:
    card = _card("RN50")
    assert card.repository is not None
    hub.files[card.repository] = files = _onnx_files(tmp_path / "made")
    folder = fetch(card)
    wanted = {name for name in files if name.endswith((".json", ".onnx"))} | {"visual/weights.data"}
    assert set(_names(folder)) == wanted | {"bucketlens-manifest.json"}
    assert verify(folder, card).sound and find_local_folder(card) == folder
    (folder / "visual" / "weights.data").unlink()
    assert find_local_folder(card) is None
    assert [(f.path, f.state) for f in verify(folder, card).files if f.state != "ok"] == [
        ("visual/model.onnx", "changed"),
        ("visual/weights.data", "missing"),
    ]


def test_onnx_data_outside_of_its_folder_is_refused(hub: HubStub, tmp_path: Path) -> None:
    card = _card("RN50")
    assert card.repository is not None
    files = _onnx_files(tmp_path / "made")
    files["visual/model.onnx"] = files["visual/model.onnx"].replace(b"weights.data", b"../wghts.dat")
    hub.files[card.repository] = files
    with pytest.raises(ModelUnavailable, match="outside of its folder"):
        fetch(card)
    assert find_local_folder(card) is None


def test_a_text_tower_is_fetched_with_the_encoder_of_its_pictures(
    hub: HubStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, image = _card("clip-ViT-B-32-multilingual-v1"), _card("clip-ViT-B-32")
    assert text.repository is not None and image.repository is not None
    small = {"config.json": b"{}", "modules.json": b"[]"}
    dense = {"1_Pooling/config.json": b"{}", "2_Dense/config.json": b"{}", "2_Dense/model.safetensors": WEIGHTS}
    pickles = {"2_Dense/pytorch_model.bin": b"p" * 3000, "onnx/model.onnx": b"o" * 3000}
    hub.files[text.repository] = small | dense | pickles | {"model.safetensors": WEIGHTS}
    hub.files[image.repository] = {"modules.json": b"[]"} | {
        f"0_CLIPModel/{name}": data for name, data in (small | {"model.safetensors": WEIGHTS}).items()
    }
    hub.commits |= {card.repository: card.revision for card in (text, image) if card.repository and card.revision}
    folder = fetch(text)
    assert set(_names(folder)) == {*small, *dense, "model.safetensors", "bucketlens-manifest.json"}
    tower = find_local_folder(image)
    assert tower is not None and (tower / "0_CLIPModel" / "model.safetensors").is_file()
    (tower / "0_CLIPModel" / "config.json").unlink()
    assert find_local_folder(text) is None, "without its image tower it encodes no picture"
