"""The settings as one object, filled from all the places that may set them."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from core.settings.groups import (
    ApiSettings,
    AskSettings,
    DecodeSettings,
    LogSettings,
    MirrorSettings,
    QdrantSettings,
    RankingSettings,
    RecallSettings,
    S3Settings,
    SearchSettings,
    SettingsGroup,
    SourceSetting,
    UrlListSettings,
)


class Settings(SettingsGroup):
    """Everything that can be set. Sizes are in bytes, times in seconds."""

    sources: tuple[SourceSetting, ...] = Field(
        (), description="what `bucketlens ingest` reads when no SOURCE is given; each a string or a table"
    )
    exclude: tuple[str, ...] = Field(
        (), description="patterns of what is left out of every source, by gitignore's rules, such as *.gif or raw/"
    )
    recheck: bool = Field(
        False, description="read every picture of a source again at each run, and encode those that changed"
    )
    data: Path = Field(Path("data"), description="folder of the library, which holds everything that is written")
    index_wait: float = Field(
        2.0, ge=0, description="longest wait for a library in the data folder that another process writes, in seconds"
    )
    offline: bool = Field(False, description="search the mirror alone")
    model: str | None = Field(
        None, description="encoder: a name of `bucketlens models`, or a folder; default: that of the library"
    )
    captioner: str | None = Field(None, description="captioner: a name of `bucketlens models`, or a folder")
    caption_beams: int = Field(
        1, ge=1, le=16, description="beams of the search for the best caption; 1: greedy, the fastest"
    )
    caption_precision: Literal["full", "int8"] = Field(
        "full",
        description="full: captions as in float32, but for near ties of two words; int8: faster on a CPU, and now and "
        "then another word",
    )
    answerer: str | None = Field(
        None, description="model that answers questions about pictures: a name of `bucketlens models`, or a folder"
    )
    ocr: bool = Field(False, description="read the text in pictures after an ingest, which takes the extra ocr")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="device that models run on")
    runtime: Literal[
        "auto",
        "torch-float32",
        "torch-bfloat16",
        "torch-float16",
        "onnxruntime-float32",
        "onnxruntime-int8",
        "openvino-float32",
        "openvino-bfloat16",
    ] = Field("auto", description="what encodes pictures; auto: what was measured to be the fastest on this machine")
    precision: Literal["full", "int8"] = Field(
        "full",
        description="full: pictures are encoded with the same answers as in float32. int8: also in int8 where that is "
        "faster, with vectors that are a little off",
    )
    batch_size: int = Field(32, ge=1, le=1024, description="images encoded at once")

    decode: DecodeSettings = DecodeSettings()
    qdrant: QdrantSettings = QdrantSettings()
    s3: S3Settings = S3Settings()
    url_list: UrlListSettings = Field(UrlListSettings(), alias="list")
    ranking: RankingSettings = RankingSettings()
    search: SearchSettings = SearchSettings()
    ask: AskSettings = AskSettings()
    mirror: MirrorSettings = MirrorSettings()
    recall: RecallSettings = RecallSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()

    @field_validator("data", "model", "captioner", "answerer", mode="before")
    @classmethod
    def _expand_home(cls, given: object) -> object:
        """Expand "~" to the user's home folder, as a shell would."""
        return os.path.expanduser(given) if isinstance(given, str | Path) else given
