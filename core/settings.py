"""Settings: defaults < bucketlens.toml < BUCKETLENS_* environment < command-line flags. Passed, never global."""

import os
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core.domain.query import Weights
from core.errors import InvalidSetting
from core.imaging.decoder import ImageLimits

DEFAULT_MODEL = "clip-ViT-B-32"
DEFAULT_CAPTIONER = "vit-gpt2"
DEMO = "demo"
USER_AGENT = "BucketLens/0.1 (image search; fetches each picture of a list once)"


class SourceSetting(BaseModel):
    """A source as the user names it. In the file a string, or a table with its `path` and what goes with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1)
    captions: tuple[str, ...] = Field((), description="files of captions that people wrote of its images")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return {"path": given} if isinstance(given, str) else given

    @property
    def name(self) -> str:
        """The path, "~" being the home of who runs it."""
        return os.path.expanduser(self.path)

    @property
    def caption_files(self) -> tuple[Path, ...]:
        """The files of captions, "~" being the home of who runs it."""
        return tuple(Path(name).expanduser() for name in self.captions)


class Settings(BaseSettings):
    """Everything that can be set. Sizes are in bytes, times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="BUCKETLENS_", toml_file="bucketlens.toml", extra="forbid", frozen=True, validate_default=True
    )

    sources: tuple[SourceSetting, ...] = Field(
        (), description="what `bucketlens ingest` reads when it is given no SOURCE"
    )
    data: Path = Field(Path("data"), description="folder that holds everything that is written")
    model: str | None = Field(None, description="encoder: a name of `bucketlens models`, or a folder")
    captioner: str | None = Field(None, description="captioner: a name of `bucketlens models`, or a folder")
    caption_beams: int = Field(1, ge=1, le=16, description="captions kept in view while one is written; 1: greedy")
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    batch_size: int = Field(32, ge=1, le=1024, description="images encoded at once")
    decode_workers: int | None = Field(None, ge=1, le=256, description="decoding processes; default: the cores")
    thumbnail_px: int = Field(448, ge=64, le=2048, description="longer side of a thumbnail")
    max_image_bytes: int = Field(50 * 2**20, ge=1)
    max_image_pixels: int = Field(50_000_000, ge=1)
    decode_seconds: float = Field(20.0, gt=0)
    decode_memory: int = Field(1536 * 2**20, ge=64 * 2**20)
    qdrant_url: str | None = Field(
        None, description="Qdrant server that holds the library, http(s)://HOST:6333; default: the data folder does"
    )
    qdrant_collection: str = Field(
        "bucketlens", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="name of the library on that server: an alias"
    )
    qdrant_api_key: SecretStr | None = Field(None, min_length=1)
    qdrant_read_api_key: SecretStr | None = Field(
        None, min_length=1, description="used by all that only reads, where it is set"
    )
    qdrant_grpc: bool = Field(True, description="ask over gRPC, and over REST only where its port is closed")
    qdrant_grpc_port: int = Field(6334, ge=1, le=65535)
    qdrant_timeout: float = Field(10.0, ge=1, description="longest wait for one answer")
    qdrant_patience: float = Field(600.0, ge=0, description="longest wait of what writes for a server that is away")
    qdrant_scale: Literal["small", "large"] = Field(
        "small",
        description="of a new library. small: vectors in the server's memory, 4 KB a picture at 512 dimensions, the "
        "fastest. large: vectors on its disk and a quarter of them, as int8, in memory, 1 KB a picture; takes a fast "
        "disk, and what is exact (deep pages, eval) reads from it",
    )
    qdrant_shards: int | None = Field(None, ge=1, le=1024, description="of a new library; default: the server's")
    qdrant_replicas: int | None = Field(None, ge=1, le=64, description="of a new library; default: the server's")
    qdrant_write_consistency: int | None = Field(
        None, ge=1, le=64, description="replicas that have to acknowledge a write, of a new library"
    )
    s3_endpoint_url: str | None = Field(None, description="address of an S3-compatible store; default: Amazon's")
    s3_profile: str | None = Field(None, description="profile of ~/.aws/config")
    s3_region: str | None = None
    s3_anonymous: bool = Field(False, description="read public buckets without credentials")
    s3_requester_pays: bool = False
    s3_versioned: bool = Field(False, description="read exactly the versions that were listed")
    s3_readers: int = Field(16, ge=1, le=256, description="objects read at once")
    s3_connect_timeout: float = Field(5.0, gt=0)
    s3_read_timeout: float = Field(30.0, gt=0)
    s3_patience: float = Field(600.0, gt=0, description="longest wait for a store that answers nothing")
    list_allow_private: bool = Field(False, description="let lists lead to loopback and private networks")
    list_recheck: bool = Field(False, description="ask for every picture of a list again, unless it is unchanged")
    list_readers: int = Field(16, ge=1, le=256, description="pictures of a list fetched at once")
    list_per_host: int = Field(4, ge=1, le=256, description="of them, from one host")
    list_redirects: int = Field(5, ge=0, le=20, description="redirections followed")
    list_connect_timeout: float = Field(5.0, gt=0)
    list_read_timeout: float = Field(15.0, gt=0)
    list_total_timeout: float = Field(60.0, gt=0, description="longest fetch of one picture")
    list_host_patience: float = Field(30.0, gt=0, description="longest wait for a host that has never answered")
    list_patience: float = Field(300.0, gt=0, description="longest wait for one that has, and for the network")
    list_user_agent: str = Field(USER_AGENT, min_length=1, pattern=r"^[ -~]+$", description="how hosts are asked")
    image_weight: float = Field(1.0, ge=0, le=100, description="how much it counts in a ranking what pictures show")
    caption_weight: float = Field(0.05, ge=0, le=100, description="how much it counts what captions mean, for words")
    words_weight: float = Field(0.5, ge=0, le=100, description="how much the very words of captions count, for words")
    mirror: bool = Field(True, description="keep a copy of the library, which answers while that does not")
    mirror_storage: Literal["float32", "float16", "ivf"] = Field(
        "float32", description="its vectors: whole, in half the room, or in cells for some millions of images"
    )
    mirror_minutes: float = Field(15.0, gt=0, description="how often it is brought up to date during a long ingest")
    mirror_threads: int | None = Field(None, ge=1, le=256, description="of one search of it; default: the cores")
    exact: bool = Field(False, description="rerank every search by the copy's whole vectors")
    recall_share: float = Field(
        0.01, ge=0, le=1, description="of the page's searches, those that are compared with exact ones of the copy"
    )
    recall_warning: float = Field(0.95, ge=0, le=1, description="mean recall@10 of these that is warned of below")
    offline: bool = Field(False, description="ask the copy of the library alone")
    search_deadline: float = Field(
        1.5, gt=0, le=600, description="how long the library may take for a search before its copy is asked"
    )
    index_wait: float = Field(2.0, ge=0, description="longest wait for the library while another process writes")
    api_token: SecretStr | None = Field(None, min_length=8, description="asked for by the API and its metrics")
    api_rate: float = Field(100.0, ge=0, le=1e6, description="requests a second from one address; 0: no limit")
    api_body_bytes: int = Field(32 * 2**20, ge=1024, description="largest body of a request")
    api_workers: int = Field(4, ge=1, le=64, description="searches at once")
    api_waiting: int = Field(64, ge=0, le=10_000, description="searches that may wait for their turn")
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    @field_validator("data", "model", "captioner", mode="before")
    @classmethod
    def _at_home(cls, given: object) -> object:
        """A folder as a shell would take it: "~" is the home of who runs it."""
        return os.path.expanduser(given) if isinstance(given, str | Path) else given

    @field_validator("qdrant_url")
    @classmethod
    def _address(cls, given: str | None) -> str | None:
        if given is None:
            return None
        parts = urlsplit(given)  # raises ValueError for what is no port
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("the address of a Qdrant server, such as http://localhost:6333 or https://qdrant.my.net")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("an address without a user, a password or a query; its key is the setting qdrant_api_key")
        return given.rstrip("/")

    @model_validator(mode="after")
    def _weighing(self) -> "Settings":
        if not (self.image_weight or self.caption_weight or self.words_weight):
            raise ValueError("one of image_weight, caption_weight and words_weight has to be over 0")
        return self

    @property
    def weights(self) -> Weights:
        return Weights(self.image_weight, self.caption_weight, self.words_weight)

    @property
    def limits(self) -> ImageLimits:
        return ImageLimits(self.max_image_bytes, self.max_image_pixels, self.decode_seconds, self.decode_memory)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**flags: Any) -> Settings:
    """Settings from all four places; a flag that is None was not given. Raises InvalidSetting."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "bucketlens.toml"
        raise InvalidSetting(name, first.get("input"), first["msg"]) from error
    except (TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting("file bucketlens.toml", str(error), "TOML: one `name = value` a line, in UTF-8") from error
    except OSError as error:
        raise InvalidSetting("file bucketlens.toml", str(error), "a file that can be read") from error
