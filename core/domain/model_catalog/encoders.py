"""Encoders of pictures and texts, the default first."""

from core.domain.model_catalog.card import DEMO_REMARK, DEMO_WEIGHTS, ModelCard

ENCODERS = (
    ModelCard(
        name="clip-ViT-B-32",
        role="encoder",
        licence="MIT",
        input_px=224,
        weights="0_CLIPModel/model.safetensors",
        dimension=512,
        repository="sentence-transformers/clip-ViT-B-32",
        revision="327ab6726d33c0e22f920c83f2ff9e4bd38ca37f",
    ),
    ModelCard(
        name="clip-ViT-L-14",
        role="encoder",
        licence="MIT",
        input_px=224,
        weights="0_CLIPModel/model.safetensors",
        dimension=768,
        repository="sentence-transformers/clip-ViT-L-14",
        revision="1b4b2e899178706d1b9905460ac21de1e0ba86a5",
    ),
    ModelCard(
        name="demo",
        role="encoder",
        licence="Apache-2.0",
        input_px=96,
        weights="model.safetensors",
        dimension=256,
        folder=DEMO_WEIGHTS / "clip",
        remark=DEMO_REMARK,
    ),
)
