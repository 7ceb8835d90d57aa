"""What to do next, as data that each surface puts into its own terms.

`str(hint)` is for programs and logs: it names settings and arguments, in backquotes, and no command. The command line,
the HTTP API and the page match on the kinds of `Hint`. So the type checker finds a kind that one of them lacks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ModelSetting = Literal["model", "captioner", "answerer"]

Name = Literal[
    # settings
    "answerer",
    "ask_seconds",
    "captioner",
    "data",
    "decode_max_bytes",
    "decode_max_pixels",
    "decode_memory",
    "decode_seconds",
    "exclude",
    "list_allow_private",
    "model",
    "qdrant_api_key",
    "qdrant_read_api_key",
    "qdrant_url",
    "recheck",
    "s3_addressing",
    "s3_anonymous",
    "s3_changed_by",
    "s3_endpoint_url",
    "s3_profile",
    "s3_region",
    "s3_requester_pays",
    "s3_versioned",
    # arguments of a run
    "confirm_deletes",
    "cron",
    "every",
    "metrics_port",
    "names",
    "port",
    "retry_failed",
    "watch",
]


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to do that is called the same on every surface."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Configure:
    """Settings or arguments to look at. `text` is a constant with a {} for each of the `names`."""

    text: str
    names: tuple[Name, ...]

    def with_names(self, spell: Callable[[Name], str]) -> str:
        """Fill the names in, each as `spell` writes it."""
        return self.text.format(*map(spell, self.names))

    def __str__(self) -> str:
        return self.with_names(lambda name: f"`{name}`")


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same once more, after what has to be seen to `first`."""

    first: str = ""

    def with_verb(self, again: str) -> str:
        """Say it with these words for trying again."""
        return f"{self.first}, then {again}" if self.first else again

    def __str__(self) -> str:
        return self.with_verb("try again")


@dataclass(frozen=True, slots=True)
class MakeLibrary:
    """Ingest pictures into a library that is not there yet, in a folder or on a server."""

    data: Path | None = None
    server: str | None = None

    def __str__(self) -> str:
        return "make one by ingesting a folder of pictures"


@dataclass(frozen=True, slots=True)
class RebuildLibrary:
    """Replace a folder that is damaged."""

    def __str__(self) -> str:
        return "put the folder back from a backup, or remove it and ingest again: it is made anew from the pictures"


@dataclass(frozen=True, slots=True)
class UpdateLibrary:
    """Have the library follow its sources, which have changed."""

    def __str__(self) -> str:
        return "an ingest brings the library up to date"


@dataclass(frozen=True, slots=True)
class ForgetSource:
    """Bring a source back that looks empty, or remove what is indexed of it."""

    source: str

    def __str__(self) -> str:
        return "see that it is there, then try again; if it was emptied for good, have the library forget the source"


@dataclass(frozen=True, slots=True)
class ChooseModel:
    """Come by a model that cannot be loaded, or choose another one by this setting.

    `fetch` is its name in the table, where it has one: that is what to fetch.
    """

    setting: ModelSetting
    fetch: str | None = None

    def __str__(self) -> str:
        if self.setting == "answerer":  # none is shipped
            return (
                "two ways out: have it fetched once where huggingface.co (or the mirror that HF_ENDPOINT names) can be "
                "reached, or set `answerer` to a folder that holds the saved model"
            )
        return (
            "three ways out: have it fetched once where huggingface.co (or the mirror that HF_ENDPOINT names) can be "
            f"reached, set `{self.setting}` to a folder that holds the saved model, or set it to 'demo', the model "
            "that is shipped with BucketLens (it knows only its drawn scenes)"
        )


@dataclass(frozen=True, slots=True)
class ChooseAnswerer:
    """Choose a model that answers questions; none is shipped."""

    def __str__(self) -> str:
        return (
            "set `answerer` to blip-vqa-base or blip2, which are fetched once from huggingface.co (or the mirror that "
            "HF_ENDPOINT names), or to a folder that holds a saved BLIP-VQA or BLIP-2 model"
        )


@dataclass(frozen=True, slots=True)
class TrainDemoModels:
    """Make the weights of the demo models, which are shipped, once more."""

    def __str__(self) -> str:
        return "train the demo models anew"


@dataclass(frozen=True, slots=True)
class KeepModel:
    """Stay with the library's `current` model, or have the library made anew for the one that is `wanted`."""

    current: str
    wanted: str

    def __str__(self) -> str:
        return f"leave `model` away to use {self.current}, or reindex the library for {self.wanted} to change it"


@dataclass(frozen=True, slots=True)
class Reindex:
    """Make the library anew for another model, beside the one in use."""

    def __str__(self) -> str:
        return "make one by reindexing the library for another model"


@dataclass(frozen=True, slots=True)
class AddCaptions:
    """Give the pictures of the library in `data` captions that people wrote, or evaluate the demo's."""

    data: Path

    def __str__(self) -> str:
        return "ingest its source again with a file of captions, or judge the demo's, where there is no library"


@dataclass(frozen=True, slots=True)
class BuildMirror:
    """Make the mirror anew."""

    def __str__(self) -> str:
        return "build the mirror anew"


@dataclass(frozen=True, slots=True)
class ProvideMirror:
    """Make the first mirror, or import one from elsewhere."""

    def __str__(self) -> str:
        return "build the mirror where the library is, or import one that was exported elsewhere"


@dataclass(frozen=True, slots=True)
class ExportMirror:
    """Make the file that was expected."""

    def __str__(self) -> str:
        return "export the mirror of a library to make one"


@dataclass(frozen=True, slots=True)
class ReadTextAgain:
    """Read the text again of the pictures at which that failed."""

    def __str__(self) -> str:
        return "they can be tried again at any time"


@dataclass(frozen=True, slots=True)
class InstallPackage:
    """Install a package, or the extra of BucketLens that holds it."""

    package: str
    extra: str | None = None

    def __str__(self) -> str:
        if self.extra is None:
            return f"install {self.package}"
        return f"install {self.package}, or BucketLens with its extra {self.extra}"


Hint = (
    Advice
    | Configure
    | TryAgain
    | MakeLibrary
    | RebuildLibrary
    | UpdateLibrary
    | ForgetSource
    | ChooseModel
    | ChooseAnswerer
    | TrainDemoModels
    | KeepModel
    | Reindex
    | AddCaptions
    | BuildMirror
    | ProvideMirror
    | ExportMirror
    | ReadTextAgain
    | InstallPackage
)


TRUST_LIST = Configure("if you trust the list, give {} and {}", ("list_allow_private", "retry_failed"))
"""Of the reason that is on record of a picture whose address is in a private network."""

_RAISE = "raise {} and run again with {}"
RAISE_BYTES = Configure(_RAISE, ("decode_max_bytes", "retry_failed"))
RAISE_PIXELS = Configure(_RAISE, ("decode_max_pixels", "retry_failed"))
RAISE_MEMORY = Configure(_RAISE, ("decode_memory", "retry_failed"))
RAISE_SECONDS = Configure(_RAISE, ("decode_seconds", "retry_failed"))
"""Of the reasons that are on record of pictures over a limit."""
