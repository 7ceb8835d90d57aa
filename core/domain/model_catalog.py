"""The table of models that can be used, one line each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["encoder", "captioner"]

DEMO_WEIGHTS = Path(__file__).resolve().parent.parent.parent / "demo" / "weights"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`repository` and `revision` name it on the Hugging Face hub; `folder` a copy that is shipped.

    `weights` is the path of the weights file in either, or of the index of its shards; `dimension` (encoders) is the
    length of its vectors, `input_px` the side of its square input.
    """

    name: str
    role: Role
    licence: str
    input_px: int
    weights: str
    dimension: int | None = None
    repository: str | None = None
    revision: str | None = None
    folder: Path | None = None
    remark: str | None = None

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.repository is None):
            raise ValueError(f"{self.name}: either a folder or a repository")
        if (self.repository is None) != (self.revision is None):
            raise ValueError(f"{self.name}: a repository is pinned by its revision")
        if (self.role == "encoder") != (self.dimension is not None):
            raise ValueError(f"{self.name}: encoders have a dimension, captioners have none")

    @property
    def safetensors(self) -> bool:
        """False where the pinned revision has pickled weights alone."""
        return ".safetensors" in self.weights


_DEMO_REMARK = "the demo model knows only its drawn scenes"

MODELS = (
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
        remark=_DEMO_REMARK,
    ),
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
        remark=_DEMO_REMARK,
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


def names(role: Role) -> list[str]:
    """List the names of one role, the default first."""
    return [card.name for card in MODELS if card.role == role]


def find(name: str, role: Role) -> ModelCard | None:
    """Find the line of that name and role; None where there is none."""
    return next((card for card in MODELS if (card.name, card.role) == (name, role)), None)
