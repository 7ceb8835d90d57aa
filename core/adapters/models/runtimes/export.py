"""Exports the towers of a model in torch as graphs of ONNX with weights in float32."""

import logging
import shutil
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.adapters.models.encoders.tokenizer import Tokenizer
from core.adapters.models.encoders.torch_towers import TorchImageTower, TorchTextTower
from core.adapters.models.onnx.session import Tower
from core.adapters.models.runtimes.graph_cache import MODEL, TOKENIZER
from core.adapters.models.runtimes.graph_towers import PIXELS, VECTORS
from core.adapters.models.runtimes.kept_tokenizer import KeptTokenizer, TokenizerSettings
from core.domain.vectors import unit

OPSET = 18
LEAST_COSINE = 0.9995  # to torch in float32: what the same answers are
_WEIGHTS = f"{MODEL}.data"
_EXPORTING = threading.Lock()  # the exporter keeps its state in globals

_PROBES = (
    "a red car in the snow",
    "",
    " ",
    "x",
    "Three DOGS,  two\tcats -- and one (very) old \u201chouse\u201d!",
    "caf\u00e9 au lait na\u00efve co\u00f6perate Stra\u00dfe \u0130stanbul",
    "\u5317\u4eac\u306e\u590f \u041c\u043e\u0441\u043a\u0432\u0430 \u0645\u0631\u062d\u0628\u0627",
    "\U0001f697 \U0001f9d1\u200d\U0001f33e \u2603\ufe0f",
    "it's they're don't 1234567890 3.14 a_b_c file.jpg http://x.y/z.png <|endoftext|> <unk> [SEP] </s>",
    "e\u0301 \ufb01 \u00bd \uff21 &amp; &lt;b&gt; \u00a0nbsp\u200bzero",
    "word " * 300,
    "supercalifragilisticexpialidocious" * 8,
    "unsagbarerweise qwrtzpsdfg",
)


class Unlike(ValueError):
    """What was exported does not answer as the model that it was made from."""


class _Images(nn.Module):
    """Pixels as they are decoded, (N, S, S, 3) uint8 -> (N, D)."""

    def __init__(self, tower: TorchImageTower) -> None:
        super().__init__()
        self.tower, self.model = tower, tower.model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = pixels.to(torch.float32) * self.tower.input.scale - self.tower.input.shift
        return self.tower.compute(values.permute(0, 3, 1, 2))


class _Texts(nn.Module):
    """Arrays of token ids, each (N, L) -> (N, D)."""

    def __init__(self, tower: TorchTextTower, names: tuple[str, ...]) -> None:
        super().__init__()
        self.tower, self.model, self.names = tower, tower.model, names

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        return self.tower.compute(dict(zip(self.names, given, strict=True)))


def export_image_tower(tower: TorchImageTower, folder: Path) -> dict[str, Any]:
    """Write the graph of an image tower in float32 on the CPU. Returns its facts. Raises Unlike and others."""
    side = tower.spec.size
    sample = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    _export(_Images(tower), (torch.from_numpy(sample[:2]),), (PIXELS,), 1, folder)
    got = Tower(folder / MODEL, device="cpu").run({PIXELS: sample})
    _compare(got, tower.encode(sample), "pictures")
    return {"dimension": int(got.shape[1])}


def export_text_tower(tower: TorchTextTower, folder: Path) -> dict[str, Any]:
    """Write the graph of a text tower in float32 on the CPU, with its tokenizer. Returns its facts.

    Raises Unlike where the tokenizer or the graph does not answer as torch does on texts of many kinds.
    """
    example = tower.tokenize(_PROBES[:2])
    names = tuple(example)
    settings = _keep_tokenizer(tower.tokenizer, names, folder)
    kept = KeptTokenizer(folder / TOKENIZER, settings)
    groups = [_PROBES, *([text] for text in _PROBES)]
    for texts in groups:
        _compare_tokens(kept, tower, texts)
    _export(_Texts(tower, names), tuple(example.values()), names, 2, folder)
    session = Tower(folder / MODEL, device="cpu")
    for texts in groups[:5]:
        got = session.run(kept.encode(texts))
        _compare(got, tower.encode(texts), "texts")
    return {"dimension": int(got.shape[1]), "tokenizer": settings.to_dict()}


def _keep_tokenizer(tokenizer: Tokenizer, names: tuple[str, ...], folder: Path) -> TokenizerSettings:
    vendor = tokenizer.vendor
    backend = getattr(vendor, "backend_tokenizer", None)
    known = {"input_ids", "attention_mask", "token_type_ids"}
    if backend is None or not set(names) <= known:
        raise Unlike(f"its tokenizer makes {', '.join(names)} and is a {type(vendor).__name__}")
    from tokenizers import Tokenizer as Plain

    plain = Plain.from_str(backend.to_str())
    plain.no_truncation()
    plain.no_padding()
    plain.save(str(folder / TOKENIZER))
    return TokenizerSettings(
        context=tokenizer.context,
        cleaning=tokenizer.cleaning,
        padding=tokenizer.padding,
        pad_id=int(vendor.pad_token_id or 0),
        pad_type=int(vendor.pad_token_type_id),
        pad_token=str(vendor.pad_token),
        padding_side=vendor.padding_side,
        truncation_side=vendor.truncation_side,
        unknown_id=tokenizer.unknown_id,
        inputs=names,
    )


def _compare_tokens(kept: KeptTokenizer, tower: TorchTextTower, texts: Any) -> None:
    own, theirs = kept.encode(texts), tower.tokenize(texts)
    same = own.keys() == theirs.keys() and all(np.array_equal(own[name], theirs[name].numpy()) for name in own)
    same = same and kept.find_truncated(texts) == tower.find_truncated(texts)
    if not same or any(kept.find_unknown(text) != tower.find_unknown(text) for text in texts):
        raise Unlike("its tokenizer.json alone makes other tokens than its tokenizer in transformers")


def _compare(got: Any, wanted: Any, what: str) -> None:
    cosine = float((unit(got) * unit(wanted)).sum(1).min())
    if not cosine >= LEAST_COSINE:
        raise Unlike(f"its exported graph makes other vectors of {what}: cosine {cosine:.5f}")


def _export(
    module: nn.Module, sample: tuple[torch.Tensor, ...], names: tuple[str, ...], varying: int, folder: Path
) -> None:
    """Write a graph whose first `varying` axes may have any length, with its weights in a file beside it."""
    import onnx

    axes = {name: {axis: f"{name}_{axis}" for axis in range(varying)} for name in names}
    whole = folder / "whole"
    whole.mkdir()
    with _EXPORTING, warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        # The exporter of torch.export takes three times as long, and makes a graph that is refused for its names.
        torch.onnx.export(
            module.eval(),
            sample,
            str(whole / MODEL),
            input_names=list(names),
            output_names=[VECTORS],
            dynamic_axes=axes | {VECTORS: {0: f"{names[0]}_0"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(whole / MODEL))
    # Weights in a file of their own are mapped into memory, not read: loading then takes half the time.
    onnx.save(
        model,
        str(folder / MODEL),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=_WEIGHTS,
        size_threshold=1024,
    )
    shutil.rmtree(whole)
