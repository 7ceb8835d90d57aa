"""What is wrong with an ONNX folder, told without loading it; and which folder is meant."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from core.adapters.models.files.model_files import locate
from core.adapters.models.onnx.external_data import list_files, read_external_data
from core.adapters.models.onnx.folder import check_onnx_folder, find_onnx_folder, is_onnx_folder
from core.domain.ids import model_fingerprint
from core.errors import ModelUnavailable


def write_folder(folder: Path) -> Path:
    """Write the layout of a model: one tower with its weights inside, one with weights in two files."""
    for tower in ("visual", "textual"):
        (folder / tower).mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"embed_dim": 4, "text_cfg": {}}))
    (folder / "visual/preprocess_cfg.json").write_text(json.dumps({"size": 8}))
    (folder / "textual/tokenizer.json").write_text("{}")
    onnx.save(_model(), folder / "visual/model.onnx")
    onnx.save(
        _model(),
        str(folder / "textual/model.onnx"),
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )
    return folder


def _model() -> onnx.ModelProto:
    weights = [helper.make_tensor(name, TensorProto.FLOAT, [64], bytes(256), raw=True) for name in ("w.1", "w.2")]
    inner = helper.make_graph([], "inner", [], [], [helper.make_tensor("w.3", TensorProto.FLOAT, [4], bytes(16), True)])
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)]
    return helper.make_model(helper.make_graph(nodes, "towers", [], [], weights))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "ViT-B-16__openai")


def _point_to(folder: Path, location: str) -> None:
    path = folder / "textual/model.onnx"
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())


def _link_outside(folder: Path) -> None:
    (folder / "textual/w.1").rename(folder.parent / "elsewhere")
    (folder / "textual/w.1").symlink_to(folder.parent / "elsewhere")


def _cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def _keep_rockchip_alone(folder: Path) -> None:
    (folder / "visual/model.onnx").unlink()
    (folder / "visual/rknpu/rk3588").mkdir(parents=True)
    (folder / "visual/rknpu/rk3588/model.rknn").write_bytes(b"x")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 256\n"

FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no visual tower": (lambda f: (f / "visual/model.onnx").unlink(), "no visual/model.onnx, so it reads no images"),
    "no textual tower": (lambda f: (f / "textual/model.onnx").unlink(), "no textual/model.onnx, so it reads no texts"),
    "no preprocessing": (lambda f: (f / "visual/preprocess_cfg.json").unlink(), "no visual/preprocess_cfg.json"),
    "no tokenizer": (lambda f: (f / "textual/tokenizer.json").unlink(), "no textual/tokenizer.json"),
    "no configuration": (lambda f: (f / "config.json").unlink(), "no config.json, which says"),
    "Rockchip alone": (_keep_rockchip_alone, "what is there is for Rockchip's NPUs alone; fetch the ONNX files"),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
    "a list": (lambda f: (f / "visual/preprocess_cfg.json").write_text("[1]"), "it holds no JSON object"),
    "weights are missing": (lambda f: (f / "textual/w.2").unlink(), "textual/w.2 is missing, and textual/model.onnx"),
    "weights are short": (lambda f: _cut(f / "textual/w.1", 0.9), "textual/w.1 is shorter than its model says"),
    "weights are a pointer": (lambda f: (f / "textual/w.1").write_bytes(POINTER), "w.1 is a pointer of Git LFS"),
    "model is a pointer": (lambda f: (f / "visual/model.onnx").write_bytes(POINTER), "run `git lfs pull`"),
    "model is empty": (lambda f: (f / "visual/model.onnx").write_bytes(b""), "visual/model.onnx is empty"),
    "model is cut off": (lambda f: _cut(f / "visual/model.onnx", 0.7), "visual/model.onnx is damaged, or no ONNX"),
    "model is a picture": (lambda f: (f / "visual/model.onnx").write_bytes(b"\x89PNG" * 99), "or no ONNX model"),
    "weights above": (lambda f: _point_to(f, "../../secret"), "weights outside of its folder, in '../../secret'"),
    "weights at a root": (lambda f: _point_to(f, "/etc/passwd"), "such a model is refused"),
    "weights on a drive": (lambda f: _point_to(f, "C:\\secret"), "such a model is refused"),
    "a Windows way up": (lambda f: _point_to(f, "x\\..\\..\\secret"), "such a model is refused"),
    "a link leaves": (_link_outside, "textual/w.1 is a link that leaves the folder of its model"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said(fault: str, folder: Path) -> None:
    spoil, words = FAULTS[fault]
    spoil(folder)
    cause = check_onnx_folder(folder)
    assert cause is not None and words in cause
    with pytest.raises(ModelUnavailable, match="cannot be loaded") as raised:
        locate(str(folder), "encoder")
    assert cause in str(raised.value)


def test_a_whole_folder_is_located_by_its_path_alone(folder: Path) -> None:
    (folder / "visual/fp16").mkdir()
    (folder / "visual/fp16/model.armnn").write_bytes(b"x")
    assert is_onnx_folder(folder) and check_onnx_folder(folder) is None
    assert locate(str(folder), "encoder").folder == folder
    for role, does in (("captioner", "writes no captions"), ("answerer", "answers no questions")):
        with pytest.raises(ModelUnavailable, match=f"an encoder {does}"):
            locate(str(folder), role)  # type: ignore[arg-type]


def test_weights_are_found_in_graphs_within_graphs(folder: Path) -> None:
    found = {data.location: data.size for data in read_external_data(folder / "textual/model.onnx")}
    assert found == {"w.1": 256, "w.2": 256, "w.3": 32}  # the branches of a node hold the third, one behind the other
    assert read_external_data(folder / "visual/model.onnx") == []


def test_every_cut_of_a_model_is_noticed(folder: Path) -> None:
    path = folder / "visual/model.onnx"
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert check_onnx_folder(folder), length


@pytest.mark.parametrize(
    "given", ["snapshots/0123", "snapshots/0123/textual", "snapshots/0123/visual/model.onnx", "snapshots", ""]
)
def test_the_folder_is_found_from_the_cache_of_the_hub(given: str, tmp_path: Path) -> None:
    blobs, real = tmp_path / "models--x/blobs", write_folder(tmp_path / "real")
    snapshot = tmp_path / "models--x/snapshots/0123"
    blobs.mkdir(parents=True)
    for number, path in enumerate(path for path in sorted(real.rglob("*")) if path.is_file()):
        (blobs / str(number)).write_bytes(path.read_bytes())
        place = snapshot / path.relative_to(real)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(blobs / str(number), place.parent))
    found = find_onnx_folder(tmp_path / "models--x" / given)
    assert (found, check_onnx_folder(found)) == (snapshot, None)


def test_a_revision_below_is_found_and_of_two_none(folder: Path) -> None:
    outer = folder.parent
    assert find_onnx_folder(outer) == folder
    write_folder(outer / "another")
    assert find_onnx_folder(outer) == outer


def test_a_folder_of_another_library_is_taken_as_it_is(folder: Path) -> None:
    (folder.parent / "config.json").write_text("{}")
    assert find_onnx_folder(folder.parent) == folder.parent
    assert not is_onnx_folder(folder.parent)


def _fingerprint(folder: Path) -> str:
    weights = [path for tower in ("visual", "textual") for path in list_files(folder / tower / "model.onnx")]
    return model_fingerprint(folder, weights)


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "visual/preprocess_cfg.json",
        "visual/model.onnx",
        "textual/model.onnx",
        "textual/w.2",
        "textual/tokenizer.json",
        "textual/tokenizer_config.json",
        "textual/special_tokens_map.json",
    ],
)
def test_every_file_of_the_model_changes_its_fingerprint(name: str, folder: Path) -> None:
    before = _fingerprint(folder)
    assert before == model_fingerprint(folder)  # which lists what lies beside the models
    path = folder / name
    path.write_bytes((path.read_bytes() if path.is_file() else b"") + b" ")
    assert model_fingerprint(folder) != before
    if path.suffix != ".onnx":
        assert _fingerprint(folder) != before


def test_what_other_runtimes_keep_there_leaves_the_fingerprint(folder: Path) -> None:
    before = _fingerprint(folder)
    for name in ("visual/model.armnn", "visual/cpu/batch1/model.onnx", "textual/model.lock", "textual/.DS_Store"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert _fingerprint(folder) == before == model_fingerprint(folder)


def test_one_of_several_revisions_has_to_be_chosen(folder: Path, tmp_path: Path) -> None:
    for name in ("0123abc", "4567def"):
        shutil.copytree(folder, tmp_path / "cached" / name)
    with pytest.raises(ModelUnavailable, match="several models or revisions; choose one of 0123abc, 4567def"):
        locate(str(tmp_path / "cached"), "encoder")
