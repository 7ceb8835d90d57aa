"""Answerers of questions about a picture. None is the default: what is to be fetched is a person's choice."""

from core.domain.model_catalog.card import ModelCard

ANSWERERS = (
    ModelCard(
        name="blip-vqa-base",
        role="answerer",
        licence="BSD-3-Clause",
        input_px=384,
        weights="model.safetensors",
        repository="Salesforce/blip-vqa-base",
        revision="787b3d35d57e49572baabd22884b3d5a05acf072",
        parameters=385_000_000,
        size=1_540_000_000,
    ),
    ModelCard(
        name="blip2",
        role="answerer",
        licence="MIT",
        input_px=224,
        weights="model.safetensors.index.json",
        repository="Salesforce/blip2-opt-2.7b",
        revision="59a1ef6c1e5117b3f65523d1c6066825bcf315e3",
        remark="15 GB to fetch, and as much memory",
        parameters=3_745_000_000,
        size=14_980_000_000,
    ),
)
