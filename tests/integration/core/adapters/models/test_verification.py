"""What is said of the files of a model's folder: ok, changed, missing, or forbidden."""

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model
from safetensors.numpy import save_file

from core.adapters.models.files.manifest import MANIFEST, record_folder
from core.adapters.models.files.verification import FileReport, verify
from core.adapters.models.onnx.external_data import read_external_data
from core.domain.model_catalog import MODELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    save_file({"a": np.arange(2000, dtype=np.float32)}, made / "model.safetensors")
    (made / "config.json").write_text('{"model_type": "clip"}')
    (made / "merges.txt").write_text("a b")
    (made / "README.md").write_text("# A model")
    return made


def _faults(folder: Path) -> list[tuple[str, str]]:
    return [(file.path, file.state) for file in verify(folder).files if file.state != "ok"]


def _told(folder: Path, path: str) -> FileReport:
    return next(file for file in verify(folder).files if file.path == path)


def test_a_folder_without_a_record_is_looked_through(folder: Path) -> None:
    found = verify(folder)
    assert found.sound and found.recorded is None
    assert {file.path for file in found.files} == {"model.safetensors", "config.json", "merges.txt", "README.md"}


def test_what_was_recorded_is_compared(folder: Path) -> None:
    record_folder(folder)
    assert verify(folder).sound and verify(folder).recorded is not None
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    (folder / "merges.txt").unlink()
    (folder / "vocab.json").write_text("{}")
    assert _faults(folder) == [("merges.txt", "missing"), ("model.safetensors", "changed"), ("vocab.json", "changed")]
    assert "not there when" in str(_told(folder, "vocab.json").detail)


def test_a_record_that_is_damaged_is_told(folder: Path) -> None:
    for content in ("{", "[]", '{"format": 99}', '{"format": 1, "files": {"a": 1}, "recorded": "x"}'):
        (folder / MANIFEST).write_text(content)
        assert (MANIFEST, "changed") in _faults(folder)


def test_a_record_cannot_have_files_outside_pass_for_those_of_the_model(folder: Path) -> None:
    record_folder(folder)
    record = json.loads((folder / MANIFEST).read_text())
    record["files"]["../elsewhere.json"] = record["files"].pop("config.json")
    (folder / MANIFEST).write_text(json.dumps(record))
    assert ("config.json", "changed") in _faults(folder) and ("../elsewhere.json", "missing") in _faults(folder)


def _write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1.0]}))


def _write_torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("pytorch_model.bin", _write_pickle),
        ("model.pt", _write_torch),
        ("CLIPModel.pth", _write_torch),
        ("optimizer.pkl", _write_pickle),
        ("vocab.txt", _write_pickle),  # a pickle by any other name
        ("weights.data", _write_torch),
        ("modeling_clip.py", lambda path: path.write_text("import os")),
        ("sub/__init__.py", lambda path: path.write_text("")),
        ("libcustom.so", lambda path: path.write_bytes(b"\x7fELF")),
        ("run", lambda path: path.write_text("#!/bin/sh\n")),
        ("tf_model.h5", lambda path: path.write_bytes(b"\x89HDF")),
        ("tokenizer_config.json", lambda path: path.write_text('{"auto_map": {"AutoTokenizer": ["a.B", null]}}')),
        ("sub/config.json", lambda path: path.write_text('{"text_config": {"auto_map": {"AutoModel": "a.B"}}}')),
        ("modules.json", lambda path: path.write_text('[{"type": "custom.Module", "path": ""}]')),
        (
            "modules.json",
            lambda path: path.write_text('[{"type": "sentence_transformers.models.Dense", "path": "../other"}]'),
        ),
        (
            "model.safetensors.index.json",
            lambda path: path.write_text('{"weight_map": {"a": "../../other.safetensors"}}'),
        ),
    ],
)
def test_pickles_code_and_ways_out_are_forbidden(name: str, write: Callable[[Path], object], folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    write(folder / name)
    assert (name, "forbidden") in _faults(folder)


def test_links_out_of_a_folder_are_forbidden_and_those_of_the_hub_s_cache_are_not(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (folder / "vocab.json").symlink_to(outside)
    (folder / "deep").symlink_to(tmp_path, target_is_directory=True)
    assert _faults(folder) == [("deep", "forbidden"), ("vocab.json", "forbidden")]

    home = tmp_path / "hub" / "models--a--b"
    snapshot = home / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "blobs" / "e").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/e")
    shutil.copy(folder / "model.safetensors", home / "blobs" / "w")
    (snapshot / "model.safetensors").symlink_to("../../blobs/w")
    assert verify(snapshot).sound
    (snapshot / "vocab.json").symlink_to(outside)
    (snapshot / "gone.json").symlink_to("../../blobs/gone")
    assert _faults(snapshot) == [("gone.json", "missing"), ("vocab.json", "forbidden")]


def test_the_cache_of_the_hub_is_compared_by_its_own_names(tmp_path: Path) -> None:
    home = tmp_path / "models--a--b"
    snapshot = home / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    names = {  # of `{}`: git's SHA-1, and SHA-256
        "config.json": "9e26dfeeb6e641a33dae4961196235bdb965b21b",
        "large.json": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }
    for name, digest in names.items():
        (home / "blobs" / digest).write_text("{}")
        (snapshot / name).symlink_to(f"../../blobs/{digest}")
    assert verify(snapshot).sound and verify(snapshot).recorded == "the hashes of the hub"
    for digest in names.values():
        (home / "blobs" / digest).write_text("[]")
    assert _faults(snapshot) == [("config.json", "changed"), ("large.json", "changed")]


@pytest.mark.parametrize("damage", ["cut", "header", "length", "empty", "text"])
def test_safetensors_are_read_by_their_header(damage: str, folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(
        {
            "cut": whole[:-40],
            "header": whole.replace(b"8000", b"9000"),
            "length": b"\xff" * 7 + b"\x7f" + whole[8:],
            "empty": b"",
            "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
        }[damage]
    )
    assert _faults(folder) == [("model.safetensors", "changed")]


def test_shards_that_the_index_names_are_missed(folder: Path) -> None:
    index = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    shutil.copy(folder / "model.safetensors", folder / "model-1-of-2.safetensors")
    assert _faults(folder) == [("model-2-of-2.safetensors", "missing")]


def test_what_an_entry_of_the_table_has_to_have_is_missed(tmp_path: Path) -> None:
    for card in MODELS:
        made = tmp_path / card.name / card.role
        made.mkdir(parents=True)
        assert len([file for file in verify(made, card).files if file.state == "missing"]) >= 2


def _save_onnx(folder: Path, *, inner: bool = False, location: str = "weights.bin") -> Path:
    weights = numpy_helper.from_array(np.arange(512, dtype=np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [512])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [512])]
    if inner:  # the weights as a constant in a branch, where no list of weights names them
        value = helper.make_tensor_value_info("v", TensorProto.FLOAT, [512])
        branch = helper.make_graph([helper.make_node("Constant", [], ["v"], value=weights)], "b", [], [value])
        condition = numpy_helper.from_array(np.array(True), "c")
        nodes = [
            helper.make_node("If", ["c"], ["w"], then_branch=branch, else_branch=branch),
            helper.make_node("Add", ["x", "w"], ["y"]),
        ]
        graph = helper.make_graph(nodes, "g", inputs, outputs, [condition])
    else:
        graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", inputs, outputs, [weights])
    path = folder / "model.onnx"
    save_model(
        helper.make_model(graph),
        path,
        save_as_external_data=True,
        location=location,
        size_threshold=1000,
        convert_attribute=True,
    )
    return path


@pytest.mark.parametrize("inner", [False, True])
def test_data_files_of_onnx_models_are_found_wherever_they_are_named(inner: bool, folder: Path) -> None:
    path = _save_onnx(folder, inner=inner)
    assert {data.location for data in read_external_data(path)} == {"weights.bin"}
    assert verify(folder).sound, "a data file is no pickle, whatever it is called"
    os.truncate(folder / "weights.bin", 100)
    assert _faults(folder) == [("model.onnx", "changed")]
    (folder / "weights.bin").unlink()
    assert "weights.bin is missing" in str(_told(folder, "model.onnx").detail)


@pytest.mark.parametrize("location", [b"../ghts.bin", b"/eights.bin", b"C:\\ghts.bin", b"a/../../bin", b"..\\ghts.bin"])
def test_onnx_data_outside_is_forbidden(location: bytes, folder: Path) -> None:
    path = _save_onnx(folder)
    path.write_bytes(path.read_bytes().replace(b"weights.bin", location))
    assert ("model.onnx", "forbidden") in _faults(folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"no model", b"\x3a\xff\xff\xff\xff\x0f", b"\x08\x07"])
def test_what_is_no_onnx_model_is_told(content: bytes, folder: Path) -> None:
    (folder / "model.onnx").write_bytes(content)
    assert _faults(folder) == [("model.onnx", "changed")]


def test_a_cut_onnx_model_is_told(folder: Path) -> None:
    path = _save_onnx(folder)
    path.write_bytes(path.read_bytes()[:-20])
    assert _faults(folder)[0] == ("model.onnx", "changed")
