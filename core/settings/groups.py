"""The groups of settings: each is a table of bucketlens.toml. Sizes are in bytes, times in seconds."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from core.domain.query import Weights
from core.imaging.decode_request import ImageLimits

USER_AGENT = "BucketLens/0.1 (image search; fetches each picture of a list once)"


class SettingsGroup(BaseModel):
    """Settings that belong together; the docstring of each group is its introduction in the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SourceSetting(SettingsGroup):
    """A source as the user names it: a string, or a table with its `path` and what goes with it."""

    path: str = Field(min_length=1, description="folder, s3://BUCKET/PREFIX, list:FILE, or shards:FOLDER")
    captions: tuple[str, ...] = Field(default=(), description="files of captions that people wrote of its images")
    exclude: tuple[str, ...] = Field(
        default=(), description="patterns of what is left out of it, by gitignore's rules, beside those of all sources"
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_string(cls, given: object) -> object:
        return {"path": given} if isinstance(given, str) else given

    @property
    def name(self) -> str:
        """The path, with "~" expanded to the user's home folder."""
        return os.path.expanduser(self.path)

    @property
    def caption_files(self) -> tuple[Path, ...]:
        """The files of captions, with "~" expanded to the user's home folder."""
        return tuple(Path(os.path.expanduser(name)) for name in self.captions)


class DecodeSettings(SettingsGroup):
    """How image files are decoded, and the largest that are accepted."""

    workers: int | None = Field(default=None, ge=1, le=256, description="decoding processes; default: one a core")
    seconds: float = Field(default=60.0, gt=0, description="longest time that one image may take to decode, in seconds")
    memory: int = Field(
        default=1536 * 2**20, ge=64 * 2**20, description="memory in bytes that decoding one image may take"
    )
    max_bytes: int = Field(default=200 * 2**20, ge=1, description="largest image file that is read, in bytes")
    max_pixels: int = Field(
        default=500_000_000,
        ge=1,
        description="largest image that is decoded, in pixels; what decoding it takes is limited by decode.memory",
    )
    thumbnail_px: int = Field(default=448, ge=64, le=2048, description="longer side of a thumbnail, in pixels")

    @property
    def limits(self) -> ImageLimits:
        """What one image may take."""
        return ImageLimits(self.max_bytes, self.max_pixels, self.seconds, self.memory)


class QdrantSettings(SettingsGroup):
    """A library on a Qdrant server, of one node or a cluster."""

    url: str | None = Field(
        default=None,
        description="server that holds the library, http(s)://HOST:6333; default: the data folder holds it",
    )
    collection: str = Field(
        default="bucketlens",
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="name of the library on the server: an alias",
    )
    api_key: SecretStr | None = Field(default=None, min_length=1, description="key of the server that may write")
    read_api_key: SecretStr | None = Field(
        default=None, min_length=1, description="key that may only read; where it is set, whatever only reads uses it"
    )
    grpc: bool = Field(default=True, description="connect over gRPC, and over REST only where the gRPC port is closed")
    grpc_port: int = Field(default=6334, ge=1, le=65535, description="port of gRPC on the server")
    timeout: float = Field(default=10.0, ge=1, description="longest wait for one answer, in seconds")
    patience: float = Field(
        default=600.0, ge=0, description="longest wait of a command that writes for a server that is away, in seconds"
    )
    scale: Literal["small", "large"] = Field(
        default="small",
        description="layout of a new library. small: vectors in the server's memory, 4 KB a picture at 512 dimensions, "
        "the fastest. large: vectors on its disk and an int8 copy in memory, 1 KB a picture; takes a fast disk, and "
        "exact reads (deep pages, eval) go to it",
    )
    shards: int | None = Field(
        default=None, ge=1, le=1024, description="shards of a new library; default: the server's"
    )
    replicas: int | None = Field(
        default=None, ge=1, le=64, description="replicas of a new library; default: the server's"
    )
    write_consistency: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="replicas that acknowledge a write to a new library; default: the server's",
    )

    @field_validator("url")
    @classmethod
    def _check_address(cls, given: str | None) -> str | None:
        if given is None:
            return None
        parts = urlsplit(given)  # raises ValueError for what is no port
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("the address of a Qdrant server, such as http://localhost:6333 or https://qdrant.my.net")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("an address without a user, a password or a query; its key is the setting qdrant.api_key")
        return given.rstrip("/")


class S3Settings(SettingsGroup):
    """Sources in S3 or a compatible store. Credentials are those of the AWS tools."""

    endpoint_url: str | None = Field(default=None, description="address of an S3-compatible store; default: Amazon's")
    profile: str | None = Field(default=None, description="profile of ~/.aws/config")
    region: str | None = Field(default=None, description="region of the buckets, where the store wants one")
    addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description="where requests name the bucket. path: behind the host. virtual: in the host's name, as some "
        "stores demand. auto: as ~/.aws/config says, else path for an endpoint_url and virtual for Amazon",
    )
    anonymous: bool = Field(default=False, description="read public buckets without credentials")
    requester_pays: bool = Field(default=False, description="read buckets whose reader pays for the requests")
    versioned: bool = Field(default=False, description="read exactly the object versions that were listed")
    changed_by: Literal["etag", "time", "size"] = Field(
        default="etag",
        description="how a changed object is told. etag: by its ETag, or time and size where there is none. time: by "
        "time and size, for stores whose ETags do not hold still. size: by its size alone",
    )
    readers: int = Field(default=16, ge=1, le=256, description="objects read at once")
    connect_timeout: float = Field(default=5.0, gt=0, description="longest wait for a connection, in seconds")
    read_timeout: float = Field(default=30.0, gt=0, description="longest wait for data on a connection, in seconds")
    patience: float = Field(
        default=600.0, gt=0, description="longest wait for a store that does not answer, in seconds"
    )


class UrlListSettings(SettingsGroup):
    """Sources that are lists of web addresses, `list:FILE`."""

    allow_private: bool = Field(default=False, description="let lists lead to loopback and private networks")
    readers: int = Field(default=16, ge=1, le=256, description="pictures fetched at once")
    per_host: int = Field(default=4, ge=1, le=256, description="pictures fetched at once from one host")
    redirects: int = Field(default=5, ge=0, le=20, description="redirections followed for one picture")
    connect_timeout: float = Field(default=5.0, gt=0, description="longest wait for a connection, in seconds")
    read_timeout: float = Field(default=15.0, gt=0, description="longest wait for data on a connection, in seconds")
    total_timeout: float = Field(default=60.0, gt=0, description="longest fetch of one picture, in seconds")
    host_patience: float = Field(
        default=30.0, gt=0, description="longest wait for a host that has never answered, in seconds"
    )
    patience: float = Field(
        default=300.0,
        gt=0,
        description="longest wait for a host that has answered before, and for the network, in seconds",
    )
    user_agent: str = Field(
        default=USER_AGENT, min_length=1, pattern=r"^[ -~]+$", description="User-Agent header that hosts receive"
    )


class RankingSettings(SettingsGroup):
    """How much each rank list counts where they are fused. At least one weight is over 0."""

    image_weight: float = Field(default=1.0, ge=0, le=100, description="weight of the image vectors")
    caption_weight: float = Field(
        default=0.05, ge=0, le=100, description="weight of the caption vectors, in searches by words"
    )
    words_weight: float = Field(
        default=0.5, ge=0, le=100, description="weight of the exact words of captions (BM25), in searches by words"
    )
    text_weight: float = Field(
        default=0.5, ge=0, le=100, description="weight of what is written in pictures, in searches by words"
    )
    place_weight: float = Field(
        default=0.5, ge=0, le=100, description="weight of the names of places, in searches by words"
    )
    name_weight: float = Field(
        default=0.3, ge=0, le=100, description="weight of the names of files and folders, in searches by words"
    )

    @model_validator(mode="after")
    def _check_weights(self) -> "RankingSettings":
        names = list(type(self).model_fields)
        if not any(getattr(self, name) for name in names):
            raise ValueError(f"one of {', '.join(names[:-1])} and {names[-1]} has to be over 0")
        return self

    @property
    def weights(self) -> Weights:
        """The weights as a query carries them."""
        return Weights(
            self.image_weight,
            self.caption_weight,
            self.words_weight,
            self.text_weight,
            self.place_weight,
            self.name_weight,
        )


class SearchSettings(SettingsGroup):
    """How searches are answered."""

    deadline: float = Field(
        default=1.5,
        gt=0,
        le=600,
        description="seconds that the library may take for a search before the mirror answers it",
    )
    exact: bool = Field(default=False, description="rerank every search by the whole vectors of the mirror")


class AskSettings(SettingsGroup):
    """Questions to pictures, which the model of the setting `answerer` answers."""

    seconds: float = Field(
        default=30.0, gt=0, le=3600, description="longest time that the model may take for one picture, in seconds"
    )
    tokens: int = Field(default=64, ge=1, le=512, description="longest answer, in tokens of the model")
    waiting: int = Field(
        default=4, ge=0, le=1000, description="requests of the HTTP API that may wait while another is answered"
    )


class MirrorSettings(SettingsGroup):
    """The mirror: a local copy of the library, which answers while the library does not."""

    enabled: bool = Field(default=True, description="keep a mirror")
    storage: Literal["float32", "float16", "ivf"] = Field(
        default="float32",
        description="how it stores vectors. float32: whole. float16: in half the room. ivf: in cells, for millions of "
        "images",
    )
    minutes: float = Field(default=15.0, gt=0, description="minutes between its updates during a long ingest")
    threads: int | None = Field(
        default=None, ge=1, le=256, description="threads of one search of it; default: one a core"
    )


class RecallSettings(SettingsGroup):
    """The recall monitor, which compares searches of the page with exact ones of the mirror."""

    share: float = Field(default=0.01, ge=0, le=1, description="share of the searches that are compared; 0: none")
    warning: float = Field(default=0.95, ge=0, le=1, description="mean recall@10 below which there is a warning")


class ApiSettings(SettingsGroup):
    """The HTTP API."""

    token: SecretStr | None = Field(default=None, min_length=8, description="token that the API and /metrics ask for")
    rate: float = Field(default=100.0, ge=0, le=1e6, description="requests a second from one address; 0: no limit")
    body_bytes: int = Field(default=32 * 2**20, ge=1024, description="largest body of a request, in bytes")
    workers: int = Field(default=4, ge=1, le=64, description="searches that run at once")
    waiting: int = Field(default=64, ge=0, le=10_000, description="searches that may wait for their turn")


class LogSettings(SettingsGroup):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="least severe event logged"
    )
