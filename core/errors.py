"""Everything that BucketLens raises on purpose.

    BucketLensError
    ├── UsageError              the caller asked for something that cannot be (exit 2)
    │   ├── InvalidQuery
    │   ├── InvalidVectors
    │   ├── InvalidSetting
    │   ├── InvalidCaptionFile
    │   └── TravelFileRefused
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
    │   └── ModelMismatch
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
        ├── LibraryDamaged
        ├── ImageNotIndexed
        ├── MirrorMissing       there is no copy to answer from
        ├── MirrorDamaged
        └── DiskFull

A message says what happened, why, and what to do next. Adapters map their vendor's exceptions to these.
"""

import errno
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.domain.image import ImageRef

_RESERVE = 256 * 2**20  # bytes that a library's disk should have free


class BucketLensError(Exception):
    """Root of the tree; `exit_code` is what a command ends with when nobody handles it."""

    exit_code = 1


class UsageError(BucketLensError):
    exit_code = 2


class InvalidQuery(UsageError):
    """A query or filter that cannot be asked: which field, what was given, what it takes."""

    def __init__(self, field: str, given: object, takes: str) -> None:
        super().__init__(f"{field}: got {given!r}, takes {takes}")
        self.field = field
        self.given = given
        self.takes = takes


class InvalidSetting(UsageError):
    def __init__(self, name: str, given: object, takes: str) -> None:
        super().__init__(f"setting {name}: got {given!r}, takes {takes}")
        self.name = name
        self.given = given
        self.takes = takes


class InvalidCaptionFile(UsageError):
    """A file of captions that cannot be read: where in it (a line, an entry), what is wrong, what it takes."""

    def __init__(self, path: Path, where: str | None, problem: str, takes: str) -> None:
        place = f", {where}" if where else ""
        super().__init__(f"caption file {path}{place}: {problem}. A caption file is {takes}")
        self.path = path
        self.where = where


class InvalidVectors(UsageError):
    """A file of vectors, or of their names, that cannot be imported."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem


class TravelFileRefused(UsageError):
    """A file that a copy of a library cannot be packed into, or taken from."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem


class ImageError(BucketLensError):
    """One image cannot be used; `str(error)` is the reason put on record."""


class ImageUnreadable(ImageError):
    """The bytes are not an image of an allowed format, or are damaged."""


class ImageTooLarge(ImageError):
    """Over the limit of bytes or pixels."""


class LinkDead(ImageError):
    """A web address that leads to no picture, or may not be followed. What was read from it before stays."""


class DecoderCrashed(ImageError):
    """The worker that decoded it died (a crash of the codec, or the memory limit)."""


class DecoderTimeout(ImageError):
    """The worker that decoded it did not answer in time and was killed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"decoding took over {seconds:g} s and was stopped")
        self.seconds = seconds


class StoreError(BucketLensError):
    """A source could not be listed or read."""


class SourceNotFound(StoreError):
    exit_code = 2

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"source {source}: {why}")
        self.source = source


class ImageGone(StoreError):
    """Listed, but no longer there when it was read."""


class ImageChanged(StoreError):
    """Other bytes than those that were listed are there now; `ref` is the image as it is."""

    def __init__(self, ref: "ImageRef") -> None:
        super().__init__(f"{ref.uri} has changed since it was listed")
        self.ref = ref


class ImageUnchanged(StoreError):
    """Asked for anew, it is still the one that is on record."""


class ImageWithheld(StoreError):
    """There, but kept where it cannot be read until somebody asks for it (an archive)."""


class ImageUnavailable(StoreError):
    """There, but refused or failing for now (permissions, an I/O error)."""


class ModelError(BucketLensError):
    """A model cannot be used."""


class ModelUnavailable(ModelError):
    """A model that cannot be loaded; the message names the three ways out."""

    def __init__(self, name: str, reason: str, *, option: str = "--model") -> None:
        super().__init__(
            f"model {name!r} cannot be loaded: {reason}\n"
            "Three ways out:\n"
            "  1. with a network: run the same command where huggingface.co (or the mirror that HF_ENDPOINT names)\n"
            "                     can be reached; once fetched, the model stays in the cache\n"
            f"  2. a local copy:   {option} FOLDER, where FOLDER holds the saved model\n"
            f"  3. the demo model: {option} demo, shipped with BucketLens (knows only its drawn scenes)"
        )
        self.name = name
        self.reason = reason


class ModelMismatch(ModelError):
    """The library was built with another model; vectors of two models are never mixed."""

    def __init__(self, library: str, wanted: str) -> None:
        if library == wanted:
            says = (
                f"the weights of the model {library} are not those that this library was built with; vectors of two "
                f"models cannot be compared. Put the old weights back, or give --data another folder for a new library"
            )
        else:
            says = (
                f"this library was built with the model {library}, not with {wanted}; vectors of two models cannot be "
                f"compared. Leave --model away to use {library}, or `bucketlens reindex --model {wanted}` to change it"
            )
        super().__init__(says)
        self.library = library
        self.wanted = wanted


class PackageMissing(BucketLensError):
    def __init__(self, package: str, what: str, extra: str) -> None:
        super().__init__(
            f"{what} takes the package {package}, which is not installed: `pip install {package}`, or install "
            f"BucketLens with its extra, `pip install 'bucketlens[{extra}]'`"
        )
        self.package = package


class NothingKnown(BucketLensError):
    """A library of which nothing is known by which its searches could be judged."""

    exit_code = 2

    def __init__(self, data: Path) -> None:
        super().__init__(
            f"no picture of the library in {data} has a caption that people wrote, so there is nothing to judge its "
            f"searches by: give it some with `bucketlens ingest SOURCE --captions FILE --data {data}`, or leave --data "
            "away where there is no library, to judge the demo's"
        )
        self.data = data


class LibraryError(BucketLensError):
    """The index cannot be used."""


class LibraryMissing(LibraryError):
    def __init__(self, data: Path) -> None:
        super().__init__(f"there is no library in {data}: make one with `bucketlens ingest FOLDER --data {data}`")
        self.data = data


class ServerLibraryMissing(LibraryMissing):
    def __init__(self, address: str, reason: str) -> None:
        LibraryError.__init__(
            self,
            f"there is no such library on the Qdrant server {address} ({reason}): make one with `bucketlens ingest "
            f"FOLDER --qdrant-url {address}`",
        )
        self.address = address
        self.reason = reason


class LibraryUnreachable(LibraryError):
    """The server does not answer, or has too much to do."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"the Qdrant server {address} does not answer ({reason}); what has been done stays: see that the server "
            "runs and can be reached from here, then run the same command again"
        )
        self.address = address
        self.reason = reason


class LibraryLate(LibraryError):
    exit_code = 69

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"the library did not answer within {waited_s:g} s; see that it is not overloaded")
        self.waited_s = waited_s


class LibraryRefused(LibraryError):
    """The server answers, and does not let us do this."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"the Qdrant server {address} refuses this ({reason}); give it a key that it takes as the setting "
            "qdrant_api_key (BUCKETLENS_QDRANT_API_KEY), or qdrant_read_api_key for what only reads"
        )
        self.address = address
        self.reason = reason


class LibraryReadOnly(LibraryRefused):
    """The server knows the key, and lets it read alone."""

    def __init__(self, address: str, reason: str) -> None:
        LibraryError.__init__(
            self,
            f"the Qdrant server {address} lets this key read alone ({reason}), and this writes; give a key that may "
            "write as the setting qdrant_api_key (BUCKETLENS_QDRANT_API_KEY)",
        )
        self.address = address
        self.reason = reason


class LibraryBusy(LibraryError):
    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again later

    def __init__(self, what: str, waited_s: float = 0.0) -> None:
        super().__init__(f"{what} is in use by another process (waited {waited_s:.1f} s); try again in a moment")
        self.waited_s = waited_s


class LibraryDamaged(LibraryError):
    """What is on disk is not what was written."""


class MirrorMissing(LibraryError):
    def __init__(self, folder: Path, reason: str = "none was made yet") -> None:
        super().__init__(
            f"there is no copy of the library in {folder} ({reason}): make one where the library is "
            "with `bucketlens mirror build`, or take one in from elsewhere with `bucketlens mirror import FILE`"
        )
        self.folder = folder
        self.reason = reason


class MirrorDamaged(LibraryError):
    """A copy of the library is not what was written; the one before it may be."""

    def __init__(self, generation: Path, what: str) -> None:
        super().__init__(f"the copy {generation} is damaged ({what}): make another with `bucketlens mirror build`")
        self.generation = generation
        self.what = what


class ImageNotIndexed(LibraryError):
    def __init__(self, image_id: str) -> None:
        super().__init__(f"image {image_id} is not in the library; it may have been deleted since")
        self.image_id = image_id


class DiskFull(LibraryError):
    def __init__(self, path: Path, free: int, needed: int) -> None:
        super().__init__(
            f"{path} has {free >> 20} MiB free and {needed >> 20} MiB are needed to write safely; "
            "nothing was damaged: free some space and run the same command again"
        )
        self.path = path
        self.free = free
        self.needed = needed


def disk_fault(folder: Path, error: OSError) -> LibraryError:
    """What the file system says of a folder of the library's, as our error: DiskFull, or a LibraryError."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(folder, 0, _RESERVE)
    return LibraryError(f"the library {folder} cannot be used: {error}; check the folder and its rights")
