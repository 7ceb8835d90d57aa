"""A line of the table of models."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

Role = Literal["encoder", "captioner", "answerer"]

# The setting that names the model of each role.
SETTING: dict[Role, Literal["model", "captioner", "answerer"]] = {
    "encoder": "model",
    "captioner": "captioner",
    "answerer": "answerer",
}

DEMO_WEIGHTS = Path(__file__).resolve().parents[3] / "demo" / "weights"
SHARDS_INDEX = ".index.json"  # what the name of a file ends in that names the shards of the weights
_ONNX = ".onnx"


@dataclass(frozen=True, slots=True)
class PublishedRecall:
    """What others measured of a model. `figures` names task and value, `source` where both are published."""

    figures: str
    source: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`repository` names it on the Hugging Face hub, `revision` the commit there; `folder` is a copy that is shipped.

    Without a `revision` the hub's main branch is fetched, and the commit that was fetched is kept from then on.
    `weights` is the path of the weights file in either, or of the index of its shards. An ONNX model has two of them,
    and names that of its image tower. `dimension` (encoders) is the length of its vectors, `input_px` the side of its
    square input, `parameters` their number. `size` is what there is to fetch, about, in bytes. `image_tower` names
    another encoder of the table, for a model that encodes texts alone. `aliases` are other names people know it by.
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
    languages: str = "English"
    parameters: int | None = None
    size: int | None = None
    recall: PublishedRecall | None = None
    image_tower: str | None = None
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.repository is None):
            raise ValueError(f"{self.name}: either a folder or a repository")
        if self.repository is None and self.revision is not None:
            raise ValueError(f"{self.name}: a revision is one of a repository")
        if (self.role == "encoder") != (self.dimension is not None):
            raise ValueError(f"{self.name}: encoders have a dimension, the others have none")

    @property
    def safetensors(self) -> bool:
        """False where the pinned revision has pickled weights alone, and for ONNX."""
        return ".safetensors" in self.weights

    @property
    def pickled(self) -> bool:
        """Whether the pinned revision has pickled weights alone."""
        return not (self.safetensors or self.onnx)

    @property
    def onnx(self) -> bool:
        """Whether it is a folder of two ONNX towers, as Immich publishes them."""
        return self.weights.endswith(_ONNX)

    @property
    def required(self) -> tuple[str, ...]:
        """Paths of the files without which it is not here; shards and external data come to that."""
        if self.onnx:
            return ("config.json", *(f"{tower}/{name}" for tower, names in _TOWERS.items() for name in names))
        beside = PurePosixPath(self.weights).with_name("config.json").as_posix()
        return tuple(dict.fromkeys((self.weights, beside)))

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of the paths to fetch: what is loaded, and nothing else. A `*` stays within one folder."""
        if self.onnx:
            return (
                "config.json",
                *(f"{tower}/*.json" for tower in _TOWERS),
                *(f"{tower}/model.onnx" for tower in _TOWERS),
            )
        whole = PurePosixPath(self.weights.removesuffix(SHARDS_INDEX))
        shards = whole.with_name(f"{whole.stem}-*{whole.suffix}").as_posix()
        beside = whole.parent
        small = [f"{folder}{kind}" for folder in dict.fromkeys(("", _prefix(beside))) for kind in ("*.json", "*.txt")]
        modules = (
            ("*_Pooling/config.json", "*_Dense/config.json", "*_Dense/model.safetensors") if self.image_tower else ()
        )
        return (*small, self.weights, *([shards] if self.weights.endswith(SHARDS_INDEX) else []), *modules)


_TOWERS = {"visual": ("model.onnx", "preprocess_cfg.json"), "textual": ("model.onnx", "tokenizer.json")}

DEMO_REMARK = "the demo model knows only its drawn scenes"


def _prefix(folder: PurePosixPath) -> str:
    return "" if folder == PurePosixPath() else f"{folder}/"
