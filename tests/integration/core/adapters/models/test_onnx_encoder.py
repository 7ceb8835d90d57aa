"""ONNX folders as Immich publishes them: the vectors of their towers in torch, prepared by the published formulas."""

import html
import io
import json
import logging
import re
import shutil
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import ftfy
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.adapters.models.encoders.loader import load_encoder
from core.adapters.models.files.model_files import locate
from core.adapters.models.onnx.encoder import OnnxEncoder, load_onnx_encoder
from core.errors import ModelUnavailable
from core.imaging.decode_request import DecodeRequest, ImageLimits
from core.imaging.decoder import decode
from demo.scenes import sample_library
from tests.support.models.onnx_folders import RECIPES, Kind, OnnxFolder, make_onnx_folder, make_tokenizer

TEXTS = (
    "",
    "a red car in the snow at night " * 30,
    "Crème brûlée à l\u2019été, ein Hündchen",
    "A RED CAR IN THE SNOW",
    "snake_case,  (it's) a dog &amp; a car!\n",
    "красная машина 夜の犬",
)
FORMS = {  # how each family is exported: batch, where its weights are, type of its tokens, in half precision
    "rn50": {"external": "many files"},
    "vit-b-16": {"batch": None, "token_type": torch.int64},
    "siglip2": {"external": "one file"},
    "xlm-roberta": {"batch": 4},
    "nllb": {"batch": None, "external": "one file", "half": True},
    "m-clip": {},
}


@dataclass(frozen=True)
class Family:
    """A family's folder, and the encoder that is loaded from it."""

    kind: Kind
    made: OnnxFolder
    encoder: OnnxEncoder


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Family]:
    home = tmp_path_factory.mktemp("onnx")
    made = {kind: make_onnx_folder(home / kind, kind, **FORMS[kind]) for kind in RECIPES}
    return {kind: Family(kind, folder, _load(folder.path)) for kind, folder in made.items()}


def _load(folder: Path) -> OnnxEncoder:
    encoder = load_encoder(str(folder), device="cpu")
    assert isinstance(encoder, OnnxEncoder)
    return encoder


def _pictures() -> list[Image.Image]:
    """Drawn scenes in odd sizes, ratios and modes."""
    forms = [("RGB", 99, 100), ("L", 97, 50), ("P", 50, 97), ("RGBA", 201, 150), ("1", 64, 64), ("RGB", 33, 17)]
    pictures = []
    for seed, (mode, width, height) in enumerate(forms):
        scene = sample_library.draw(sample_library.library_scene(seed), 256).resize((width, height))
        pictures.append(scene.convert(mode))
    return pictures


def _decoded(encoder: OnnxEncoder, pictures: list[Image.Image]) -> np.ndarray:
    found = []
    for picture in pictures:
        file = io.BytesIO()
        picture.save(file, "PNG")
        found.append(decode(file.getvalue(), DecodeRequest(encoder.pixels), ImageLimits()).pixels)
    return np.stack(found)


def _prepare(picture: Image.Image, kind: Kind) -> torch.Tensor:
    """OpenCLIP's transform by its published formulas, on a picture of Pillow: -> (3, S, S) float32."""
    given = RECIPES[kind].preprocessing
    side = given["size"] if isinstance(given["size"], int) else given["size"][0]
    width, height = picture.size
    picture = picture.convert("RGB")
    if given["resize_mode"] == "squash":
        picture = picture.resize((side, side), Image.Resampling.BICUBIC)
    elif given["resize_mode"] == "longest":
        ratio = max(width, height) / side
        picture = picture.resize((round(width / ratio), round(height / ratio)), Image.Resampling.BICUBIC)
        left, top = (side - picture.width) // 2, (side - picture.height) // 2
        padded = Image.new("RGB", (side, side))
        padded.paste(picture, (left, top))
        picture = padded
    else:
        short = min(width, height)
        picture = picture.resize((int(side * width / short), int(side * height / short)), Image.Resampling.BICUBIC)
        left, top = round((picture.width - side) / 2), round((picture.height - side) / 2)
        picture = picture.crop((left, top, left + side, top + side))
    planes = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(given[key])[:, None, None] for key in ("mean", "std"))
    return (planes - mean) / std


def _tokenize(texts: tuple[str, ...], kind: Kind) -> dict[str, torch.Tensor]:
    """OpenCLIP's cleaning and its tokenizers' call; M-CLIP does not clean."""
    recipe = RECIPES[kind]
    if kind != "m-clip":
        texts = tuple(html.unescape(html.unescape(ftfy.fix_text(text))).strip() for text in texts)
        texts = tuple(re.sub(r"\s+", " ", text) for text in texts)
    if kind == "siglip2":
        plain = [text.replace("_", " ").translate(str.maketrans("", "", string.punctuation)) for text in texts]
        texts = tuple(re.sub(r"\s+", " ", text.lower()).strip() for text in plain)
    tokenizer = make_tokenizer(kind)
    length = {"max_length": recipe.context, "padding": "max_length", "truncation": True}
    found = tokenizer(list(texts), return_tensors="pt", **length)
    names = ("input_ids", "attention_mask") if kind == "m-clip" else ("input_ids",)
    return {name: found[name] for name in names}


# ------------------------------------------------------------------------------------------------- the same vectors


@pytest.mark.parametrize("kind", RECIPES)
def test_image_vectors_equal_those_of_the_reference(kind: Kind, families: dict[Kind, Family]) -> None:
    family = families[kind]
    pictures = _pictures()
    with torch.inference_mode():
        expected = family.made.visual(torch.stack([_prepare(picture, kind) for picture in pictures])).numpy()
    vectors = family.encoder.encode_images(_decoded(family.encoder, pictures))
    assert (vectors.dtype, vectors.shape) == (np.float32, expected.shape)
    assert (vectors * expected).sum(axis=1).min() >= 0.9995
    unlike = (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)]
    assert unlike.max() < 0.999  # else the test could not tell one picture from another


@pytest.mark.parametrize("kind", RECIPES)
def test_text_vectors_equal_those_of_the_reference(kind: Kind, families: dict[Kind, Family]) -> None:
    family = families[kind]
    with torch.inference_mode():
        expected = family.made.textual(*_tokenize(TEXTS, kind).values()).numpy()
    found = family.encoder.encode_texts(TEXTS)
    assert (found.vectors * expected).sum(axis=1).min() >= 0.9995
    assert found.truncated == (False, True, False, False, False, False)
    unlike = (found.vectors @ found.vectors.T)[~np.eye(len(TEXTS), dtype=bool)]
    assert unlike.max() < 0.9999


def test_capitals_and_punctuation_count_where_the_reference_keeps_them(families: dict[Kind, Family]) -> None:
    pair = ("a red car", "A  red_car!")
    cosines = {
        kind: float(np.prod(family.encoder.encode_texts(pair).vectors, axis=0).sum())
        for kind, family in families.items()
    }
    assert cosines["siglip2"] == pytest.approx(1, abs=1e-5)
    assert max(cosines["rn50"], cosines["xlm-roberta"], cosines["m-clip"]) < 0.999


def test_words_outside_of_the_vocabulary_are_named(families: dict[Kind, Family]) -> None:
    text = "the red 夜 夜 car"
    assert families["xlm-roberta"].encoder.encode_texts([text]).unknown == (("夜",),)
    for kind in ("rn50", "siglip2"):  # both fall back to bytes
        assert families[kind].encoder.encode_texts([text]).unknown == ((),)


# -------------------------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("kind", RECIPES)
def test_any_number_of_rows_keeps_its_order(kind: Kind, families: dict[Kind, Family]) -> None:
    encoder = families[kind].encoder
    pixels = _decoded(encoder, _pictures())
    together = encoder.encode_images(np.concatenate([pixels] * 3))
    alone = np.concatenate([encoder.encode_images(one[None]) for one in pixels])
    np.testing.assert_allclose(together, np.concatenate([alone] * 3), atol=2e-3)
    texts = [f"a red car {n}" for n in range(70)]
    rows = encoder.encode_texts(texts).vectors
    assert rows.shape == (70, encoder.dimension)
    np.testing.assert_allclose(
        rows[[0, 33, 69]], encoder.encode_texts([texts[n] for n in (0, 33, 69)]).vectors, atol=1e-4
    )


def test_nothing_in_nothing_out(families: dict[Kind, Family]) -> None:
    encoder = families["vit-b-16"].encoder
    assert encoder.encode_images(np.empty((0, 48, 48, 3), np.uint8)).shape == (0, encoder.dimension)
    found = encoder.encode_texts([])
    assert (found.vectors.shape, found.truncated, found.unknown) == ((0, encoder.dimension), (), ())


def test_threads_share_an_encoder(families: dict[Kind, Family]) -> None:
    encoder = families["vit-b-16"].encoder
    texts = [" ".join(["a red car"] * (1 + n % 40)) for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(lambda text: encoder.encode_texts([text]), texts))
    serial = [encoder.encode_texts([text]) for text in texts]
    for one, other in zip(parallel, serial, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)
        assert one.truncated == other.truncated


def test_odd_texts_are_data(families: dict[Kind, Family], tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    _pictures()[0].save(picture)
    texts = [
        str(picture),
        "http://localhost:1/x.png",
        "\ud800",
        "\0",
        "&#x0;",
        " \u3000\n",
        "<|endoftext|>",
        "🐕" * 500,
    ]
    for family in families.values():
        vectors = family.encoder.encode_texts(texts).vectors
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


# ------------------------------------------------------------------------------------------------- other exports


def _copy(family: Family, folder: Path) -> Path:
    shutil.copytree(family.made.path, folder)
    return folder


def _edit(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def _refuse(folder: Path) -> str:
    with pytest.raises(ModelUnavailable) as raised:
        load_encoder(str(folder), device="cpu")
    assert raised.value.reason.startswith(f"model '{folder}' cannot be loaded: ")
    return raised.value.reason


@pytest.mark.parametrize("channels", ["last", "first"])
def test_a_tower_that_normalises_by_itself_gets_raw_pixels(
    channels: str, families: dict[Kind, Family], tmp_path: Path
) -> None:
    """As in Immich's newer models: bytes in, and the first steps of the graph make of them what was fed before."""
    family = families["vit-b-16"]
    folder = _copy(family, tmp_path / "raw")
    side, given = family.encoder.pixels.size, RECIPES["vit-b-16"].preprocessing
    mean, std = (np.array(given[key], np.float32) for key in ("mean", "std"))
    model = onnx.load(folder / "visual/model.onnx")
    graph = model.graph
    first = [helper.make_node("Transpose", ["bytes"], ["planes"], perm=[0, 3, 1, 2])] if channels == "last" else []
    first += [
        helper.make_node("Cast", ["planes" if channels == "last" else "bytes"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["values", "factor"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "offset"], ["image"]),
    ]
    for name, value in (("factor", 1 / 255 / std), ("offset", mean / std)):
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32).reshape(3, 1, 1), name))
    nodes = [*first, *graph.node]
    shape = ["batch", side, side, 3] if channels == "last" else ["batch", 3, side, side]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("bytes", TensorProto.UINT8, shape))
    onnx.save(model, folder / "visual/model.onnx")
    raw = _load(folder)
    pixels = _decoded(raw, _pictures())
    np.testing.assert_allclose(raw.encode_images(pixels), family.encoder.encode_images(pixels), atol=1e-4)
    assert raw.fingerprint != family.encoder.fingerprint


def test_a_batch_that_was_fixed_inside_of_a_graph_is_found_out(
    families: dict[Kind, Family], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    family = families["vit-b-16"]
    folder = _copy(family, tmp_path / "fixed")
    model = onnx.load(folder / "visual/model.onnx")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, family.encoder.dimension]), "one row"))
    model.graph.node.append(helper.make_node("Reshape", ["embedding", "one row"], ["row"]))
    model.graph.output[0].name = "row"
    onnx.save(model, folder / "visual/model.onnx")
    fixed = _load(folder)
    pixels = _decoded(fixed, _pictures())
    np.testing.assert_allclose(fixed.encode_images(pixels), family.encoder.encode_images(pixels), atol=1e-4)
    assert "takes one row at a time" in caplog.text


def test_parts_that_do_not_fit_each_other_are_refused(families: dict[Kind, Family], tmp_path: Path) -> None:
    family = families["vit-b-16"]
    wrong_size = _copy(family, tmp_path / "size")
    _edit(wrong_size / "visual/preprocess_cfg.json", size=224)
    assert "preprocess_cfg.json makes 224 px pictures" in _refuse(wrong_size)
    swapped = _copy(family, tmp_path / "swapped")
    (swapped / "textual/model.onnx").write_bytes((family.made.path / "visual/model.onnx").read_bytes())
    assert "textual tower takes image, which holds no token ids" in _refuse(swapped)
    wrong_padding = _copy(family, tmp_path / "padding")
    _edit(wrong_padding / "textual/tokenizer_config.json", pad_token="<nothing>")
    assert "its padding token '<nothing>' is not in its vocabulary" in _refuse(wrong_padding)
    no_tokenizer = _copy(family, tmp_path / "tokenizer")
    (no_tokenizer / "textual/tokenizer.json").write_text("{}")
    assert "tokenizer.json is no tokenizer" in _refuse(no_tokenizer)
    cleaning = _copy(family, tmp_path / "cleaning")
    _edit(cleaning / "config.json", text_cfg={"tokenizer_kwargs": {"clean": "thoroughly"}})
    assert "its texts are cleaned by 'thoroughly'" in _refuse(cleaning)


def _make_foreign(path: Path, domain: str, version: int = 8) -> None:
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("image", [1, 3, 48, 48]), ("y", [1, 24]))
    ]
    graph = helper.make_graph([helper.make_node("Evil", ["image"], ["y"], domain=domain)], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=version), path)


def test_operators_of_others_are_not_loaded(families: dict[Kind, Family], tmp_path: Path) -> None:
    folder = _copy(families["vit-b-16"], tmp_path / "foreign")
    _make_foreign(folder / "visual/model.onnx", "my.operators")
    assert "visual/model.onnx asks for an operator" in _refuse(folder)
    _make_foreign(folder / "visual/model.onnx", "my.operators", version=99)
    assert "install a newer onnxruntime" in _refuse(folder)


def test_a_padding_token_is_found_wherever_it_is_written(families: dict[Kind, Family], tmp_path: Path) -> None:
    family = families["xlm-roberta"]
    expected = family.encoder.encode_texts(TEXTS).vectors
    folder = _copy(family, tmp_path / "padding")
    config = folder / "textual/tokenizer_config.json"
    _edit(config, pad_token={"content": "<pad>", "lstrip": False})
    np.testing.assert_allclose(_load(folder).encode_texts(TEXTS).vectors, expected, atol=1e-6)
    (folder / "textual/special_tokens_map.json").write_text(json.dumps({"pad_token": "<pad>"}))
    config.unlink()
    np.testing.assert_allclose(_load(folder).encode_texts(TEXTS).vectors, expected, atol=1e-6)
    (folder / "textual/special_tokens_map.json").unlink()
    _edit(folder / "config.json", text_cfg={"pad_id": 1})
    np.testing.assert_allclose(_load(folder).encode_texts(TEXTS).vectors, expected, atol=1e-6)


def test_without_a_gpu_the_cpu_computes_and_says_so(
    families: dict[Kind, Family], caplog: pytest.LogCaptureFixture
) -> None:
    path = families["vit-b-16"].made.path
    with caplog.at_level(logging.WARNING):
        encoder = load_onnx_encoder(locate(str(path), "encoder"), device="cuda", threads=1)
    assert encoder.encode_texts(["a red car"]).vectors.shape == (1, encoder.dimension)
    assert "so the cpu computes" in caplog.text
