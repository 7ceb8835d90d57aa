"""A line of the table of models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["encoder", "captioner", "answerer"]

DEMO_WEIGHTS = Path(__file__).resolve().parents[3] / "demo" / "weights"


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
            raise ValueError(f"{self.name}: encoders have a dimension, others have none")

    @property
    def safetensors(self) -> bool:
        """False where the pinned revision has pickled weights alone."""
        return ".safetensors" in self.weights


DEMO_REMARK = "the demo model knows only its drawn scenes"
