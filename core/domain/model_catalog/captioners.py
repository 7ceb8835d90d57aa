"""Captioners, the default first."""

from core.domain.model_catalog.card import DEMO_REMARK, DEMO_WEIGHTS, ModelCard

CAPTIONERS = (
    ModelCard(
        name="vit-gpt2",
        role="captioner",
        licence="Apache-2.0",
        input_px=224,
        weights="pytorch_model.bin",
        repository="nlpconnect/vit-gpt2-image-captioning",
        revision="dc68f91c06a1ba6f15268e5b9c13ae7a7c514084",
    ),
    ModelCard(
        name="demo",
        role="captioner",
        licence="Apache-2.0",
        input_px=96,
        weights="model.safetensors",
        folder=DEMO_WEIGHTS / "captioner",
        remark=DEMO_REMARK,
    ),
    ModelCard(
        name="blip-base",
        role="captioner",
        licence="BSD-3-Clause",
        input_px=384,
        weights="pytorch_model.bin",
        repository="Salesforce/blip-image-captioning-base",
        revision="82a37760796d32b1411fe092ab5d4e227313294b",
    ),
    ModelCard(
        name="florence2-base",
        role="captioner",
        licence="MIT",
        input_px=768,
        weights="model.safetensors",
        repository="florence-community/Florence-2-base",
        revision="00921df66db728a9ceb750f5eca43e5c203a2051",
    ),
    ModelCard(
        name="blip2",
        role="captioner",
        licence="MIT",
        input_px=224,
        weights="model.safetensors.index.json",
        repository="Salesforce/blip2-opt-2.7b",
        revision="59a1ef6c1e5117b3f65523d1c6066825bcf315e3",
        remark="15 GB to fetch, and as much memory",
    ),
)
