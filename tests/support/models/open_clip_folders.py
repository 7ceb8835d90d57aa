"""Folders of OpenCLIP: its names of weights and its configuration, tiny, with random weights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from tests.support.model_folders import byte_pair_tokenizer

PIXELS, DIMENSION, WIDTH, LAYERS, CONTEXT = 32, 24, 32, 2, 77

VARIANTS: dict[str, dict[str, Any]] = {
    "shortest": {"preprocess": {}, "text": {}},
    "squash": {
        "preprocess": {"resize_mode": "squash", "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
        "text": {"tokenizer_kwargs": {"clean": "canonicalize"}},
        "model": {"quick_gelu": True, "custom_text": True},
    },
    "longest": {
        "preprocess": {"resize_mode": "longest", "fill_color": 114, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]},
        "text": {"tokenizer_kwargs": {"clean": "lower"}, "act_kwargs": {"approximate": "tanh"}},
    },
}


def make_open_clip(folder: Path, variant: str, *, tokenizer: Any = None, simple: bool = False) -> Path:
    """A plain vision transformer of OpenCLIP. `simple`: its texts go through OpenCLIP's own vocabulary."""
    given = VARIANTS[variant]
    tokenizer = tokenizer or byte_pair_tokenizer()
    folder.mkdir(parents=True)
    text = {"context_length": CONTEXT, "vocab_size": len(tokenizer), "width": WIDTH, "heads": 2, "layers": LAYERS}
    text |= given["text"] if simple else {"hf_tokenizer_name": "made-up/tokenizer", **given["text"]}
    model = {
        "embed_dim": DIMENSION,
        "vision_cfg": {
            **{"image_size": PIXELS, "layers": LAYERS, "width": WIDTH, "head_width": 16, "patch_size": 8},
            "mlp_ratio": 3.0,
        },
        "text_cfg": text,
        **given.get("model", {}),
    }
    config = {"model_cfg": model, "preprocess_cfg": given["preprocess"]}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    prefix = "text." if model.get("custom_text") else ""
    save_file(dict(_draw_weights(len(tokenizer), prefix)), folder / "open_clip_model.safetensors")
    tokenizer.save_pretrained(folder)
    return folder


def _draw_weights(vocabulary: int, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    noise = np.random.default_rng(11)

    def draw(*shape: int, centre: float = 0.0) -> torch.Tensor:
        return torch.from_numpy((centre + 0.25 * noise.standard_normal(shape)).astype(np.float32))

    def draw_layers(tower: str, hidden: int) -> Iterator[tuple[str, torch.Tensor]]:
        for n in range(LAYERS):
            layer = f"{tower}transformer.resblocks.{n}"
            for norm in ("ln_1", "ln_2"):
                yield f"{layer}.{norm}.weight", draw(WIDTH, centre=1)
                yield f"{layer}.{norm}.bias", draw(WIDTH)
            yield f"{layer}.attn.in_proj_weight", draw(3 * WIDTH, WIDTH)
            yield f"{layer}.attn.in_proj_bias", draw(3 * WIDTH)
            for module, rows, columns in (
                ("attn.out_proj", WIDTH, WIDTH),
                ("mlp.c_fc", hidden, WIDTH),
                ("mlp.c_proj", WIDTH, hidden),
            ):
                yield f"{layer}.{module}.weight", draw(rows, columns)
                yield f"{layer}.{module}.bias", draw(rows)

    yield "logit_scale", torch.tensor(4.6)
    yield "visual.class_embedding", draw(WIDTH)
    yield "visual.positional_embedding", draw((PIXELS // 8) ** 2 + 1, WIDTH)
    yield "visual.conv1.weight", draw(WIDTH, 3, 8, 8)
    yield "visual.proj", draw(WIDTH, DIMENSION)
    for norm in ("visual.ln_pre", "visual.ln_post", f"{prefix}ln_final"):
        yield f"{norm}.weight", draw(WIDTH, centre=1)
        yield f"{norm}.bias", draw(WIDTH)
    yield from draw_layers("visual.", 3 * WIDTH)
    yield from draw_layers(prefix, 4 * WIDTH)
    yield f"{prefix}token_embedding.weight", draw(vocabulary, WIDTH)
    yield f"{prefix}positional_embedding", draw(CONTEXT, WIDTH)
    yield f"{prefix}text_projection", draw(WIDTH, DIMENSION)
