"""The index of a library is at fault: on disk, on its server, or in its mirror."""

import errno
from pathlib import Path

from core.errors.base import BucketLensError
from core.errors.hints import Advice, BuildMirror, Configure, Hint, MakeLibrary, ProvideMirror, TryAgain

_RESERVE = 256 * 2**20  # bytes that a library's disk should have free


class LibraryError(BucketLensError):
    """The index cannot be used."""


class LibraryMissing(LibraryError):
    """There is no library in this folder."""

    def __init__(self, data: Path) -> None:
        super().__init__(f"there is no library in {data}", MakeLibrary(data=data))
        self.data = data


class ServerLibraryMissing(LibraryMissing):
    """There is no such library on the server at `address`. `cause` is the server's answer."""

    def __init__(self, address: str, cause: str) -> None:
        LibraryError.__init__(
            self, f"there is no such library on the Qdrant server {address} ({cause})", MakeLibrary(server=address)
        )
        self.address = address
        self.cause = cause


class LibraryUnreachable(LibraryError):
    """The server at `address` does not answer, or has too much to do. `cause` says how that shows."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(
            f"the Qdrant server {address} does not answer ({cause})",
            TryAgain("what has been done stays: see that the server runs and can be reached from here"),
        )
        self.address = address
        self.cause = cause


class LibraryLate(LibraryError):
    """The library did not answer within so many seconds."""

    exit_code = 69

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"the library did not answer within {waited_s:g} s", Advice("see that it is not overloaded"))
        self.waited_s = waited_s


class LibraryRefused(LibraryError):
    """The server at `address` answers, and does not let us do this. `cause` is its answer."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(
            f"the Qdrant server {address} refuses this ({cause})",
            Configure(
                "give it a key that it takes as {}, or as {} for what only reads",
                ("qdrant_api_key", "qdrant_read_api_key"),
            ),
        )
        self.address = address
        self.cause = cause


class LibraryReadOnly(LibraryRefused):
    """The server knows the key, which may only read."""

    def __init__(self, address: str, cause: str) -> None:
        LibraryError.__init__(
            self,
            f"the Qdrant server {address} lets this key only read ({cause}), and this writes",
            Configure("give a key that may write as {}", ("qdrant_api_key",)),
        )
        self.address = address
        self.cause = cause


class LibraryBusy(LibraryError):
    """Another process uses `what`, and did not let go of it within so many seconds."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again later

    def __init__(self, what: str, waited_s: float = 0.0) -> None:
        super().__init__(
            f"{what} is in use by another process (waited {waited_s:.1f} s)", Advice("try again in a moment")
        )
        self.waited_s = waited_s


class LibraryLeased(LibraryError):
    """Another process, perhaps on another machine, writes the library on a server."""

    exit_code = 75

    def __init__(self, library: str, address: str, holder: str, expiry_s: float) -> None:
        super().__init__(
            f"the library {library} on the Qdrant server {address} is being written by {holder}",
            Advice(f"wait until it has ended, and try again; one that was killed is taken over after {expiry_s:.0f} s"),
        )


class LibraryDamaged(LibraryError):
    """What is on disk, or on the server, is not what was written."""


class MirrorMissing(LibraryError):
    """There is no mirror in this folder."""

    def __init__(self, folder: Path, cause: str = "none was made yet") -> None:
        super().__init__(f"there is no mirror of the library in {folder} ({cause})", ProvideMirror())
        self.folder = folder
        self.cause = cause


class MirrorDamaged(LibraryError):
    """A generation of the mirror is not what was written; the one before it may be."""

    def __init__(self, generation: Path, what: str, hint: Hint | None = None) -> None:
        super().__init__(f"the mirror {generation} is damaged ({what})", hint or BuildMirror())
        self.generation = generation
        self.what = what


class ImageNotIndexed(LibraryError):
    """No image of the library has this id."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"image {image_id} is not in the library, or was deleted since")
        self.image_id = image_id


class DiskFull(LibraryError):
    """A disk has less room than it takes to write safely, both in bytes."""

    def __init__(self, path: Path, free: int, needed: int) -> None:
        super().__init__(
            f"{path} has {free >> 20} MiB free and {needed >> 20} MiB are needed to write safely",
            TryAgain("nothing was damaged: free some space"),
        )
        self.path = path
        self.free = free
        self.needed = needed


def disk_fault(folder: Path, error: OSError) -> LibraryError:
    """Map what the file system says of a folder of the library to DiskFull, or to a LibraryError."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(folder, 0, _RESERVE)
    return LibraryError(f"the library {folder} cannot be used: {error}", Advice("check the folder and its rights"))
