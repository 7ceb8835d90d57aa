"""The table of models that can be used, one line each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEMO_WEIGHTS = Path(__file__).resolve().parent.parent / "demo" / "weights"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`repository` and `revision` name it on the Hugging Face hub; `folder` a copy that is shipped.

    `dimension` (encoders) is the length of its vectors, `input_px` the side of its square input.
    """

    name: str
    role: Literal["encoder", "captioner"]
    licence: str
    input_px: int
    dimension: int | None = None
    repository: str | None = None
    revision: str | None = None
    folder: Path | None = None
    remark: str | None = None
