"""Everything that is done with a library's mirror, by its folder. FAISS is imported for what needs it alone."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BucketLensError, UsageError
from core.errors.hints import Configure
from core.ports.local_files import ThumbnailStore
from core.ports.mirror import Mirror, MirrorState
from core.ports.vector_index import IndexVersions, VectorIndex
from core.settings import Settings

if TYPE_CHECKING:
    from core.adapters.faiss_mirror.archive.tar_format import ArchiveSummary
    from core.adapters.faiss_mirror.mirror_folder import MirrorFolder


class Mirrors:
    """Builds, checks and moves the mirror in one folder."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self._settings = settings

    def exists(self) -> bool:
        """Whether there is one that may answer; at once."""
        return self._settings.offline or (self._settings.mirror.enabled and (self.folder / "current").is_file())

    def open(self) -> Mirror:
        """The mirror, which opens nothing until it is asked."""
        from core.adapters.faiss_mirror.index import FaissMirror

        return FaissMirror(self.folder, self._settings.mirror.threads)

    def describe(self) -> MirrorState:
        """Tell which generation answers, without opening it. Raises MirrorMissing, MirrorDamaged, LibraryError."""
        generations = self._generations()
        _, manifest, problem = generations.find_usable()
        return MirrorState(manifest.summary, generations.as_of(manifest), problem)

    def build(self, index: VectorIndex, *, anew: bool = False, going: Callable[[], object] = lambda: None) -> None:
        """Make the mirror equal to the library. Raises LibraryError, and OSError.

        `anew`: whatever was deleted from the library is then in no file of any generation here. `going` is called
        now and then, and ends it by raising: the mirror is then what it was.
        """
        from core.adapters.faiss_mirror.builder import build

        build(index, self._generations(), self._settings.mirror.storage, anew=anew, going=going)

    def try_build(self, index: Callable[[], VectorIndex], *, anew: bool = False) -> BucketLensError | OSError | None:
        """Make the mirror equal to the library, as `build` does. Return what went wrong, or None."""
        try:
            self.build(index(), anew=anew)
        except (BucketLensError, OSError) as error:
            return error
        return None

    def verify(self) -> list[tuple[str, str | None]]:
        """Every generation of the mirror, the latest first, with what is wrong with it. Raises MirrorMissing."""
        return self._generations().verify()

    def export(self, path: Path, thumbnails: ThumbnailStore | None) -> "ArchiveSummary":
        """Pack the mirror into a file, which is replaced where there is one.

        Raises MirrorMissing, MirrorDamaged, ArchiveRefused, DiskFull.
        """
        from core.adapters.faiss_mirror.archive.transfer import export

        return export(self._generations(), path, thumbnails)

    def take_in(self, path: Path, thumbnails: ThumbnailStore, library: IndexVersions) -> "ArchiveSummary":
        """Import the mirror from a file. Refused beside a library, since it would answer for that one.

        Raises UsageError, ArchiveRefused, DiskFull, LibraryBusy, OSError.
        """
        from core.adapters.faiss_mirror.archive.transfer import import_file

        if self._settings.qdrant.url is not None:
            raise UsageError(
                "a mirror cannot be imported beside a library on a server",
                Configure("leave {} out", ("qdrant_url",)),
            )
        if library.all():
            raise UsageError(
                f"{self._settings.data} holds a library of its own, for which another one's mirror must not answer",
                Configure("give {} another folder, such as a new one", ("data",)),
            )
        return import_file(path, self._generations(), thumbnails)

    def _generations(self) -> "MirrorFolder":
        from core.adapters.faiss_mirror.mirror_folder import MirrorFolder

        return MirrorFolder(self.folder)
