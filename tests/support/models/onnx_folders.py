"""ONNX folders as Immich publishes them, exported here from small towers of OpenCLIP's architectures."""

import json
import warnings
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnx
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

from tests.support.model_folders import byte_pair_tokenizer

Pool = Literal["end", "last", "mean", "first"]
Kind = Literal["rn50", "vit-b-16", "siglip2", "xlm-roberta", "nllb", "m-clip"]

DIMENSION = 24
WIDTH = 32


class Block(nn.Module):
    """A transformer's layer: attention and two linear layers, normalised before."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(N, L, W) -> (N, L, W); `mask` is added to the attention."""
        n, length, width = x.shape
        parts = self.queries(self.before_attention(x)).reshape(n, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
        scores = parts[0] @ parts[1].transpose(-1, -2) / (width // 2) ** 0.5
        attention = (scores if mask is None else scores + mask).softmax(-1)
        x = x + self.out((attention @ parts[2]).transpose(1, 2).reshape(n, length, width))
        hidden = self.wide(self.before_mlp(x))
        if self.activation == "quick":
            hidden = hidden * torch.sigmoid(1.702 * hidden)
        else:
            hidden = functional.gelu(hidden, approximate=self.activation)
        return x + self.narrow(hidden)


class TextTower(nn.Module):
    """OpenCLIP's text towers: causal and pooled at the end, or seeing all and pooled otherwise."""

    def __init__(self, vocabulary: int, context: int, *, pool: Pool, activation: str, pad: int | None = None) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, WIDTH), nn.Parameter(torch.randn(context, WIDTH))
        self.blocks = nn.ModuleList(Block(WIDTH, activation) for _ in range(2))
        self.norm, self.projection = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, DIMENSION)
        self.pool, self.pad = pool, pad

    def forward(self, text: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(N, L) token ids -> (N, D), of length 1."""
        if self.pad is not None:
            attention_mask = (text != self.pad).to(torch.int32)
        x = self.tokens(text) + self.positions
        mask = None
        if self.pool == "end":
            mask = torch.full((x.shape[1], x.shape[1]), -1e4).triu(1)
        elif attention_mask is not None:
            mask = (1.0 - attention_mask.float())[:, None, None, :] * -1e4
        for block in self.blocks:
            x = block(x, mask)
        return functional.normalize(self.projection(self._gather(self.norm(x), text, attention_mask)), dim=-1)

    def _gather(self, x: Tensor, text: Tensor, mask: Tensor | None) -> Tensor:
        if self.pool == "end":  # where the largest token is: the end of the text
            return x[torch.arange(x.shape[0]), text.to(torch.int64).argmax(-1)]
        if self.pool == "mean":
            assert mask is not None
            weights = mask.float()[:, :, None]
            return (x * weights).sum(1) / weights.sum(1)
        return x[:, -1] if self.pool == "last" else x[:, 0]


class VisionTransformer(nn.Module):
    """A ViT that is pooled at its class token, or on average."""

    def __init__(self, side: int, patch: int, *, activation: str, averages: bool = False) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, patch, patch)
        self.head = nn.Parameter(torch.randn(WIDTH))
        self.positions = nn.Parameter(torch.randn((side // patch) ** 2 + 1, WIDTH))
        self.blocks = nn.ModuleList(Block(WIDTH, activation) for _ in range(2))
        self.norm, self.projection = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, DIMENSION)
        self.averages = averages

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, D), of length 1."""
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.head.expand(x.shape[0], 1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x, None)
        x = self.norm(x)
        return functional.normalize(self.projection(x.mean(1) if self.averages else x[:, 0]), dim=-1)


class Bottleneck(nn.Module):
    """A block of CLIP's ResNet: its stride is an average pool, in the block and on the way around it."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.second, self.second_norm = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.third, self.third_norm = nn.Conv2d(planes, planes * 4, 1, bias=False), nn.BatchNorm2d(planes * 4)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.around = nn.Sequential(self.pool, nn.Conv2d(inputs, planes * 4, 1, bias=False), nn.BatchNorm2d(planes * 4))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 P, H / stride, W / stride)."""
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.pool(functional.relu(self.second_norm(self.second(y))))
        return functional.relu(self.third_norm(self.third(y)) + self.around(x))


class ModifiedResNet(nn.Module):
    """CLIP's ResNet: a stem of three convolutions, bottlenecks, and attention as the last pooling."""

    def __init__(self, side: int) -> None:
        super().__init__()
        sizes = [(3, 8, 2), (8, 8, 1), (8, 16, 1)]
        self.stem = nn.ModuleList(nn.Conv2d(a, b, 3, stride, 1, bias=False) for a, b, stride in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _ in sizes)
        self.layers = nn.Sequential(Bottleneck(16, 16, 1), Bottleneck(64, 32, 2))
        self.positions = nn.Parameter(torch.randn((side // 8) ** 2 + 1, 128))
        self.queries, self.keys, self.values = (nn.Linear(128, 128) for _ in range(3))
        self.out = nn.Linear(128, DIMENSION)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, D), of length 1."""
        x = image
        for layer, norm in zip(self.stem, self.norms, strict=True):
            x = functional.relu(norm(layer(x)))
        x = self.layers(functional.avg_pool2d(x, 2)).flatten(2).transpose(1, 2)  # (N, H W, C)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positions
        scores = self.queries(x[:, :1]) @ self.keys(x).transpose(-1, -2) / 128**0.5
        return functional.normalize(self.out((scores.softmax(-1) @ self.values(x))[:, 0]), dim=-1)


@dataclass(frozen=True)
class OnnxFolder:
    """An exported folder, and the towers that it was exported from."""

    path: Path
    visual: nn.Module
    textual: TextTower


@dataclass(frozen=True)
class Recipe:
    """How a family is made: its configuration as OpenCLIP has it, and its towers."""

    text_config: dict[str, Any]
    preprocessing: dict[str, Any]
    pool: Pool
    activation: str
    context: int = 77


_CLIP_STATISTICS = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
_HALVES = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def _preprocess(size: Any, statistics: dict[str, Any], mode: str = "shortest") -> dict[str, Any]:
    shared = {"mode": "RGB", "interpolation": "bicubic", "resize_mode": mode, "fill_color": 0}
    return {"size": size, **shared, **statistics}


RECIPES: dict[Kind, Recipe] = {
    "rn50": Recipe({"context_length": 77}, _preprocess(64, _CLIP_STATISTICS), "end", "quick"),
    "vit-b-16": Recipe({"context_length": 77}, _preprocess([48, 48], _CLIP_STATISTICS), "end", "quick"),
    "siglip2": Recipe(
        {"context_length": 64, "hf_tokenizer_name": "", "tokenizer_kwargs": {"clean": "canonicalize"}},
        _preprocess(48, _HALVES, "squash"),
        "last",
        "tanh",
        64,
    ),
    "xlm-roberta": Recipe(
        {"hf_model_name": "xlm-roberta-base", "hf_tokenizer_name": "xlm-roberta-base"},
        _preprocess(48, _CLIP_STATISTICS),
        "mean",
        "none",
    ),
    "nllb": Recipe(
        {"hf_model_name": "nllb", "hf_tokenizer_name": "nllb"}, _preprocess(48, _HALVES, "longest"), "first", "none"
    ),
    "m-clip": Recipe({"context_length": 77}, _preprocess(48, _CLIP_STATISTICS), "mean", "none"),
}


def make_onnx_folder(
    folder: Path,
    kind: Kind,
    *,
    batch: int | None = 1,
    external: Literal["inside", "one file", "many files"] = "inside",
    token_type: torch.dtype = torch.int32,
    half: bool = False,
    seed: int = 0,
) -> OnnxFolder:
    """Export a family's folder; a `batch` of None may vary."""
    torch.manual_seed(seed)
    recipe = RECIPES[kind]
    tokenizer = make_tokenizer(kind)
    side = recipe.preprocessing["size"]
    side = side[0] if isinstance(side, list) else side
    visual: nn.Module
    if kind == "rn50":
        visual = ModifiedResNet(side)
    else:
        visual = VisionTransformer(side, 16, activation=recipe.activation, averages=kind in ("siglip2", "nllb"))
    pad = tokenizer.pad_token_id if recipe.pool in ("mean", "first") and kind != "m-clip" else None
    textual = TextTower(len(tokenizer), recipe.context, pool=recipe.pool, activation=recipe.activation, pad=pad)
    for tower in (visual, textual):
        _spread(tower)
    for place in ("visual", "textual"):
        (folder / place).mkdir(parents=True)
    tokenizer.save_pretrained(folder / "textual")
    _write(folder / "visual/preprocess_cfg.json", recipe.preprocessing)
    _write(folder / "config.json", {"embed_dim": DIMENSION, "vision_cfg": {}, "text_cfg": recipe.text_config})
    rows, dtype = batch or 1, torch.float16 if half else torch.float32
    ids = torch.ones(rows, recipe.context, dtype=token_type)
    texts = {"input_ids": ids, "attention_mask": torch.ones_like(ids)} if kind == "m-clip" else {"text": ids}
    _export(
        deepcopy(visual).to(dtype), {"image": torch.randn(rows, 3, side, side, dtype=dtype)}, folder / "visual", batch
    )
    _export(textual, texts, folder / "textual", batch)
    if external != "inside":
        for place in ("visual", "textual"):
            _take_weights_out(folder / place / "model.onnx", many=external == "many files")
    return OnnxFolder(folder, visual, textual)


def _spread(tower: nn.Module) -> None:
    """Make random weights large enough to say different things of different inputs, and batch norms say something."""
    for module in tower.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1.5 / module.in_features**0.5)
            nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    tower.eval().requires_grad_(False)


def _export(tower: nn.Module, inputs: dict[str, Tensor], folder: Path, batch: int | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower,
            tuple(inputs.values()),
            str(folder / "model.onnx"),
            input_names=list(inputs),
            output_names=["embedding"],
            dynamic_axes=None if batch else {name: {0: "batch_size"} for name in (*inputs, "embedding")},
            opset_version=17,
            dynamo=False,
        )


def _take_weights_out(path: Path, *, many: bool) -> None:
    model = onnx.load(path)
    onnx.save(
        model,
        str(path),
        save_as_external_data=True,
        all_tensors_to_one_file=not many,
        location=None if many else "model.onnx.data",
        size_threshold=64,
    )


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


def make_tokenizer(kind: Kind) -> PreTrainedTokenizerFast:
    """Make a tokenizer of the kind that the family has, over single characters and a few words."""
    if kind in ("rn50", "vit-b-16"):
        return byte_pair_tokenizer()
    return _make_byte_fallback() if kind == "siglip2" else _make_unigram(language=kind == "nllb")


_CYRILLIC = "".join(map(chr, range(0x430, 0x450)))
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789éüçñ.,!?'-&" + _CYRILLIC
_PIECES = ["▁", "▁a", "▁red", "▁car", "▁dog", "▁in", "▁the", "▁snow", "▁Auto", "▁rot", "▁night"]


def _make_unigram(*, language: bool) -> PreTrainedTokenizerFast:
    """Make a tokenizer as of XLM-RoBERTa; with a language, as of NLLB, which begins with the language's token."""
    special = ["<s>", "<pad>", "</s>", "<unk>", *(["eng_Latn"] if language else [])]
    pieces = [(token, 0.0) for token in special] + [(piece, -2.0) for piece in _PIECES]
    inner = Tokenizer(models.Unigram([*pieces, *((letter, -8.0) for letter in _LETTERS)], unk_id=3))
    inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    start = "eng_Latn" if language else "<s>"
    inner.post_processor = processors.TemplateProcessing(
        single=f"{start} $A </s>", special_tokens=[(start, special.index(start)), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )


def _make_byte_fallback() -> PreTrainedTokenizerFast:
    """Make a tokenizer as of Gemma: byte pairs that fall back to bytes, and an end but no beginning."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *_LETTERS]
    merges = [("r", "e"), ("re", "d"), ("c", "a"), ("ca", "r"), ("▁", "car")]
    tokens += [left + right for left, right in merges]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    inner = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    inner.normalizer = normalizers.Replace(" ", "▁")
    inner.decoder = decoders.ByteFallback()
    inner.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>"
    )
