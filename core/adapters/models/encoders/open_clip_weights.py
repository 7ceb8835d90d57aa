"""OpenCLIP's plain vision transformers as CLIPModel of transformers: configuration and names of weights.

They compute the same. So no package of OpenCLIP is needed, which asks for torchvision.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

_VISION = {"layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "act_kwargs", "norm_kwargs"}
_TEXT = {
    *("context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "act_kwargs", "norm_kwargs"),
    *("hf_tokenizer_name", "tokenizer_kwargs"),
}
_INERT = {"patch_dropout", "output_tokens", "timm_model_pretrained", "hf_model_pretrained", "pad_id", "eos_id"}
_MODEL = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text"}
_MODEL_INERT = {"init_logit_scale", "init_logit_bias", "nonscalar_logit_scale"}
_DEFAULTS: dict[str, Any] = {
    **{"pool_type": ("tok", "argmax"), "pos_embed_type": ("learnable",), "proj_type": ("linear",)},
    **{"block_type": (None, "default")},
}

_NAMES = (
    (r"visual\.class_embedding", "vision_model.embeddings.class_embedding"),
    (r"visual\.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    (r"visual\.conv1\.weight", "vision_model.embeddings.patch_embedding.weight"),
    (r"visual\.ln_pre\.(.+)", r"vision_model.pre_layrnorm.\1"),
    (r"visual\.ln_post\.(.+)", r"vision_model.post_layernorm.\1"),
    (r"visual\.proj", "visual_projection.weight"),
    (r"visual\.transformer\.resblocks\.(.+)", r"vision_model.encoder.layers.\1"),
    (r"(?:text\.)?token_embedding\.weight", "text_model.embeddings.token_embedding.weight"),
    (r"(?:text\.)?positional_embedding", "text_model.embeddings.position_embedding.weight"),
    (r"(?:text\.)?transformer\.resblocks\.(.+)", r"text_model.encoder.layers.\1"),
    (r"(?:text\.)?ln_final\.(.+)", r"text_model.final_layer_norm.\1"),
    (r"(?:text\.)?text_projection", "text_projection.weight"),
    (r"logit_scale", "logit_scale"),
)
_LAYER_NAMES = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_DROPPED = ("logit_bias", "attn_mask", "text.attn_mask")
_TRANSPOSED = ("visual_projection.weight", "text_projection.weight")


def find_unlike(model_cfg: Mapping[str, Any]) -> str | None:
    """Find what a model has that no plain vision transformer has; None where it is one."""
    for name, value in model_cfg.items():
        if name not in _MODEL | _MODEL_INERT:
            return name
        if name in ("vision_cfg", "text_cfg"):
            known = _VISION if name == "vision_cfg" else _TEXT
            for option, setting in value.items():
                if option not in known | _INERT and setting not in _DEFAULTS.get(option, (None, False)):
                    return f"{name}.{option}"
    if not isinstance(model_cfg["vision_cfg"].get("layers", 12), int):
        return "vision_cfg.layers of a ResNet"
    return None


def make_config(model_cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Make the arguments of CLIPConfig."""
    vision, text = model_cfg["vision_cfg"], model_cfg["text_cfg"]
    width, text_width = vision.get("width", 768), text.get("width", 512)
    quick = bool(model_cfg.get("quick_gelu", False))
    return {
        "projection_dim": model_cfg["embed_dim"],
        "vision_config": {
            "hidden_size": width,
            "num_hidden_layers": vision.get("layers", 12),
            "num_attention_heads": width // vision.get("head_width", 64),
            "intermediate_size": int(width * vision.get("mlp_ratio", 4.0)),
            "patch_size": vision.get("patch_size", 16),
            "image_size": vision.get("image_size", 224),
            **_choose_functions(vision, quick=quick),
        },
        "text_config": {
            "hidden_size": text_width,
            "num_hidden_layers": text.get("layers", 12),
            "num_attention_heads": text.get("heads", 8),
            "intermediate_size": int(text_width * text.get("mlp_ratio", 4.0)),
            "vocab_size": text.get("vocab_size", 49408),
            "max_position_embeddings": text.get("context_length", 77),
            "eos_token_id": 2,  # CLIPModel then takes the vector at the highest token, as OpenCLIP does
            **_choose_functions(text, quick=quick),
        },
    }


def _choose_functions(tower: Mapping[str, Any], *, quick: bool) -> dict[str, Any]:
    tanh = (tower.get("act_kwargs") or {}).get("approximate") == "tanh"
    epsilon = (tower.get("norm_kwargs") or {}).get("eps", 1e-5)
    return {"hidden_act": "quick_gelu" if quick else "gelu_pytorch_tanh" if tanh else "gelu", "layer_norm_eps": epsilon}


def map_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Map OpenCLIP's weights to those of CLIPModel. Raises ValueError for a weight that no plain tower has."""
    mapped: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        if name not in _DROPPED:
            mapped.update(_map_weight(name, tensor))
    return mapped


def _map_weight(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    for pattern, replacement in _NAMES:
        match = re.fullmatch(pattern, name)
        if match is None:
            continue
        new = match.expand(replacement)
        if ".encoder.layers." in new:
            yield from _map_layer_weight(new, tensor)
        elif new in _TRANSPOSED:
            yield new, tensor.T.contiguous()
        else:
            yield new, tensor.reshape(()) if new == "logit_scale" else tensor
        return
    raise ValueError(f"its weights file holds {name}, which a plain vision transformer has not")


def _map_layer_weight(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    prefix, number, rest = re.fullmatch(r"(.+\.layers)\.(\d+)\.(.+)", name).groups()  # type: ignore[union-attr]  # by _NAMES
    if rest.startswith("attn.in_proj_"):
        for part, piece in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{prefix}.{number}.self_attn.{part}_proj.{rest.removeprefix('attn.in_proj_')}", piece.contiguous()
        return
    module, _, kind = rest.rpartition(".")
    if module not in _LAYER_NAMES:
        raise ValueError(f"its weights file holds {rest} in a layer, which a plain vision transformer has not")
    yield f"{prefix}.{number}.{_LAYER_NAMES[module]}.{kind}", tensor
