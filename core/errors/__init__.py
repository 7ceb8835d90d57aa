"""Everything that BucketLens raises on purpose.

    BucketLensError
    ├── UsageError              the caller asked for something that cannot be (exit 2)
    │   ├── InvalidQuery
    │   ├── InvalidVectors
    │   ├── InvalidSetting
    │   ├── InvalidCaptionFile
    │   └── ArchiveRefused
    ├── ImageError              one image is at fault; recorded as its failure, never fatal
    │   ├── ImageUnreadable
    │   ├── ImageTooLarge
    │   ├── LinkDead
    │   ├── DecoderCrashed
    │   └── DecoderTimeout
    ├── StoreError              a source of images is at fault
    │   ├── SourceNotFound      (exit 2)
    │   ├── ImageGone
    │   ├── ImageChanged
    │   ├── ImageUnchanged
    │   ├── ImageWithheld
    │   └── ImageUnavailable
    ├── ModelError
    │   ├── ModelUnavailable
    │   ├── ModelMismatch
    │   ├── AnswererMissing     (exit 2)
    │   └── AnswerLate
    ├── PackageMissing          an optional package is not installed
    ├── NothingKnown            there is nothing to measure a search by (exit 2)
    └── LibraryError            the index on disk, or its server, is at fault
        ├── LibraryMissing
        │   └── ServerLibraryMissing
        ├── LibraryUnreachable  (exit 69)
        ├── LibraryLate         (exit 69)
        ├── LibraryRefused
        │   └── LibraryReadOnly
        ├── LibraryBusy         (exit 75)
        ├── LibraryLeased       (exit 75)
        ├── LibraryDamaged
        ├── ImageNotIndexed
        ├── MirrorMissing       there is no mirror to answer from
        ├── MirrorDamaged
        └── DiskFull

Each has a `reason` (what happened and why) and a `hint` (what to do next, as data; see `hints`). `str(error)` is both
in one sentence, with names of settings but no commands. The command line, the HTTP API and the page put hints into
their own terms. Adapters map their vendor's exceptions to these.
"""

from core.errors.base import BucketLensError, Notice, message
from core.errors.hints import Hint
from core.errors.images import (
    DecoderCrashed,
    DecoderTimeout,
    ImageChanged,
    ImageError,
    ImageGone,
    ImageTooLarge,
    ImageUnavailable,
    ImageUnchanged,
    ImageUnreadable,
    ImageWithheld,
    LinkDead,
    SourceNotFound,
    StoreError,
)
from core.errors.library import (
    DiskFull,
    ImageNotIndexed,
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    LibraryLate,
    LibraryLeased,
    LibraryMissing,
    LibraryReadOnly,
    LibraryRefused,
    LibraryUnreachable,
    MirrorDamaged,
    MirrorMissing,
    ServerLibraryMissing,
    disk_fault,
)
from core.errors.models import AnswererMissing, AnswerLate, ModelError, ModelMismatch, ModelUnavailable
from core.errors.usage import (
    ArchiveRefused,
    InvalidCaptionFile,
    InvalidQuery,
    InvalidSetting,
    InvalidVectors,
    NothingKnown,
    PackageMissing,
    UsageError,
)

__all__ = [
    "AnswerLate",
    "AnswererMissing",
    "ArchiveRefused",
    "BucketLensError",
    "DecoderCrashed",
    "DecoderTimeout",
    "DiskFull",
    "Hint",
    "ImageChanged",
    "ImageError",
    "ImageGone",
    "ImageNotIndexed",
    "ImageTooLarge",
    "ImageUnavailable",
    "ImageUnchanged",
    "ImageUnreadable",
    "ImageWithheld",
    "InvalidCaptionFile",
    "InvalidQuery",
    "InvalidSetting",
    "InvalidVectors",
    "LibraryBusy",
    "LibraryDamaged",
    "LibraryError",
    "LibraryLate",
    "LibraryLeased",
    "LibraryMissing",
    "LibraryReadOnly",
    "LibraryRefused",
    "LibraryUnreachable",
    "LinkDead",
    "MirrorDamaged",
    "MirrorMissing",
    "ModelError",
    "ModelMismatch",
    "ModelUnavailable",
    "NothingKnown",
    "Notice",
    "PackageMissing",
    "ServerLibraryMissing",
    "SourceNotFound",
    "StoreError",
    "UsageError",
    "disk_fault",
    "message",
]
