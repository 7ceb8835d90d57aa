"""BucketLens for programs: `from bucketlens import Library`.

Names are imported when they are first used, so that `import bucketlens` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import (
    AnswererMissing,
    AnswerLate,
    BucketLensError,
    DiskFull,
    ImageError,
    ImageNotIndexed,
    ImageTooLarge,
    ImageUnreadable,
    InvalidQuery,
    InvalidSetting,
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    LibraryLate,
    LibraryMissing,
    LibraryRefused,
    LibraryUnreachable,
    MirrorDamaged,
    MirrorMissing,
    ModelError,
    ModelMismatch,
    ModelUnavailable,
    PackageMissing,
    UsageError,
)

__all__ = [
    "AnswerLate",
    "AnswererMissing",
    "Between",
    "BucketLensError",
    "DiskFull",
    "During",
    "Filter",
    "Found",
    "Hit",
    "ImageError",
    "ImageNotIndexed",
    "ImageRecord",
    "ImageTerm",
    "ImageTooLarge",
    "ImageUnreadable",
    "InvalidQuery",
    "InvalidSetting",
    "KeyGlob",
    "KeyPrefix",
    "Library",
    "LibraryBusy",
    "LibraryDamaged",
    "LibraryError",
    "LibraryLate",
    "LibraryMissing",
    "LibraryRefused",
    "LibraryUnreachable",
    "LikeTerm",
    "Match",
    "MirrorDamaged",
    "MirrorMissing",
    "Missing",
    "ModelError",
    "ModelMismatch",
    "ModelUnavailable",
    "Named",
    "Near",
    "PackageMissing",
    "Phrase",
    "PictureAnswer",
    "Query",
    "SearchResult",
    "TextTerm",
    "UsageError",
    "Weights",
    "caption_words",
    "oriented",
    "parse_filter",
]

if TYPE_CHECKING:
    from core.answering.service import PictureAnswer
    from core.domain.filtering.conditions import (
        Between,
        During,
        KeyGlob,
        KeyPrefix,
        Match,
        Missing,
        Named,
        Near,
        Phrase,
    )
    from core.domain.filtering.filters import Filter, caption_words, oriented
    from core.domain.filtering.parser import parse_filter
    from core.domain.image import ImageRecord
    from core.domain.query import ImageTerm, LikeTerm, Query, TextTerm, Weights
    from core.domain.result import Hit, SearchResult
    from core.library import Found, Library
else:
    _MODULES = {
        "core.answering.service": ("PictureAnswer",),
        "core.domain.filtering.conditions": (
            "Between",
            "During",
            "KeyGlob",
            "KeyPrefix",
            "Match",
            "Missing",
            "Named",
            "Near",
            "Phrase",
        ),
        "core.domain.filtering.parser": ("parse_filter",),
        "core.domain.filtering.filters": ("Filter", "caption_words", "oriented"),
        "core.domain.image": ("ImageRecord",),
        "core.domain.query": ("ImageTerm", "LikeTerm", "Query", "TextTerm", "Weights"),
        "core.domain.result": ("Hit", "SearchResult"),
        "core.library": ("Found", "Library"),
    }

    def __getattr__(name):
        """Import a public name on its first use (PEP 562)."""
        for module, names in _MODULES.items():
            if name in names:
                found = getattr(import_module(module), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted(__all__)
