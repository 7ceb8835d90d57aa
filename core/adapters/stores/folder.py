"""A folder of pictures as a source."""

import logging
import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from core.adapters.stores.listing.exclusion import Exclusion
from core.adapters.stores.local_files import (
    BROKEN_LINK,
    LocalFile,
    identify,
    is_folder,
    make_etag,
    parse_path,
    read_file,
    to_key,
    to_path,
    to_uri,
    to_utc,
)
from core.domain.file_rules import is_hidden, is_left_out, is_rubbish, no_picture
from core.domain.image import ImageRef
from core.domain.sidecars import ALONE, MAX_SIDECAR_BYTES, Companions, FolderNames, add_companions, may_be_sidecar
from core.errors import ImageGone, SourceNotFound, StoreError
from core.ports.image_store import EXCLUDED

_is_plain = re.compile(rb"[\w.~-]*", re.ASCII).fullmatch  # what `quote` leaves as it is, in a third of its time
# What `no_picture` and `quote` need not look at: most names in a folder of photographs.
_is_plain_picture = re.compile(
    rb"[\w-][\w.-]*\.(?:jpe?g|png|heic|heif|webp|gif|tiff?|avif|dng|cr[23]|nef|arw|raf|orf|rw2)",
    re.ASCII | re.IGNORECASE,
).fullmatch
_get_name = attrgetter("name")
_HIDDEN = ord(".")

_log = logging.getLogger(__name__)


class FolderStore:
    """An ImageStore of every file below a folder, except those that are plainly no pictures.

    Files whose suffix or name rules them out, and what is no regular file, are counted in `ignored` by reason. Hidden
    names, system folders such as thumbnail caches, and `exclude` are left out silently. Sidecars of pictures are not
    counted. Pictures that a person's `patterns` leave out are counted as EXCLUDED. Links to files are followed. Links
    to folders are followed where they lead out of the source, each folder once.
    """

    def __init__(
        self, folder: str | Path, *, max_bytes: int, exclude: Iterable[Path] = (), patterns: Sequence[str] = ()
    ) -> None:
        """Open a folder, given as a path or a file:/// URI. Raises SourceNotFound, InvalidSetting."""
        self._root = os.path.realpath(parse_path(str(folder)))
        try:
            found = os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(str(folder), f"{error.strerror}; give it a folder that exists") from error
        if not stat.S_ISDIR(found.st_mode):
            raise SourceNotFound(str(folder), "is a file; give it the folder that holds the pictures")
        self._exclude = [os.fsencode(path) for path in exclude]
        if (found.st_dev, found.st_ino) in self._identify_excluded():
            raise SourceNotFound(str(folder), "is the library's own folder; give it the folder that holds the pictures")
        self.source = to_uri(self._root)
        self.ignored: Counter[str] = Counter()
        self.folder = self._root
        self._max_bytes = max_bytes
        self._exclusion = Exclusion(patterns, os.fsdecode(self._root))
        self._selects = bool(self._exclusion)

    def list(self) -> Iterator[ImageRef]:
        """Yield every image, folder by folder, each in the order of names.

        Raises SourceNotFound. A folder that cannot be listed raises StoreError after everything else was yielded.
        """
        self.ignored.clear()
        self._check_root()
        yield from self._walk(b"")

    def look_up(self, paths: Iterable[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """Yield key and image of what is at these absolute paths now; None for a key that is no image.

        A folder stands for everything below it, and a sidecar for its pictures; with a picture comes its pair. Images
        at the paths themselves are to be read `again`. Hidden files, rubbish, what patterns leave out, and paths
        outside the source are skipped. Raises StoreError where a path cannot be read, and SourceNotFound where the
        source is gone.
        """
        self._check_root()
        changed: dict[bytes, list[bytes]] = defaultdict(list)
        for full in paths:
            path = os.path.relpath(full, self._root)
            parts = path.split(b"/")
            root = os.path.basename(self._root)
            if parts[0] in (b".", b"..") or is_hidden(parts[-1]) or is_left_out(parts[:-1], root):
                continue
            try:
                if identify(full) in self._identify_excluded() or self._exclusion.excludes(os.fsdecode(path)):
                    continue
                if not os.path.isdir(full):
                    changed[os.path.dirname(path)].append(parts[-1])
                elif not (is_left_out(parts, root) or self._exclusion.excludes_folder(os.fsdecode(path))):
                    yield from ((ref.key, ref) for ref in self._walk(path))
            except OSError as error:
                raise StoreError(f"{to_key(path)}: {error.strerror}") from error
        for below, names in changed.items():
            yield from self._look_up_files(below, names)

    def _look_up_files(self, below: bytes, changed: Sequence[bytes]) -> Iterator[tuple[str, ImageRef | None]]:
        """Look up changed files of one folder, which may be gone, and those that they belong to."""
        folder = os.path.join(self._root, below)
        try:
            there = [name for name in os.listdir(folder) if self._counts(below, name)]
        except FileNotFoundError:
            there = []
        except OSError as error:
            raise StoreError(f"{to_key(below) or '.'}: {error.strerror}") from error
        names = FolderNames(map(os.fsdecode, there))
        before = FolderNames(map(os.fsdecode, {*there, *changed}))
        wanted = dict.fromkeys(changed, True)
        for name in map(os.fsdecode, changed):
            kin = [*before.find_owners(name), before.companions(name).pair, names.companions(name).pair]
            for other in kin:
                if other is not None:
                    wanted.setdefault(os.fsencode(other), False)
        for raw, again in wanted.items():
            path = os.path.join(below, raw)
            try:
                ref = self._to_ref(LocalFile(raw, os.path.join(folder, raw)), path, names, self._make_uri(below))
            except OSError as error:
                raise StoreError(f"{to_key(path)}: {error.strerror}") from error
            yield to_key(path), ref if ref is None else replace(ref, again=again)

    def _check_root(self) -> None:
        try:
            os.stat(self._root)
        except OSError as error:
            raise SourceNotFound(self.source, str(error.strerror)) from error

    def _walk(self, start: bytes) -> Iterator[ImageRef]:
        """Yield every image below a folder of the source."""
        failures: list[str] = []
        walked = self._identify_excluded()
        folders = [start]
        while folders:
            below = folders.pop()
            try:
                with os.scandir(os.path.join(self._root, below)) as entries:
                    ordered = sorted(entries, key=_get_name)
            except OSError as error:
                failures.append(f"{to_key(below) or '.'}: {error.strerror}")
                continue
            ordered = [entry for entry in ordered if entry.name[0] != _HIDDEN]
            counted = [entry.name for entry in ordered if not self._selects or self._counts(below, entry.name)]
            names = FolderNames(os.fsdecode(b"\0".join(counted)).split("\0") if counted else ())
            uri = self._make_uri(below)
            deeper = []
            for entry in ordered:
                path = below + b"/" + entry.name if below else entry.name
                try:
                    if not is_folder(entry):
                        if (ref := self._to_ref(entry, path, names, uri)) is not None:
                            yield ref
                    elif self._should_enter(entry, path, walked):
                        deeper.append(path)
                except OSError as error:
                    failures.append(f"{to_key(path)}: {error.strerror}")
            folders.extend(reversed(deeper))
        if failures:
            more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
            raise StoreError(f"{self.source} could not be listed whole: {'; '.join(failures[:3])}{more}")

    def read(self, ref: ImageRef) -> bytes:
        """Read the file, at most `max_bytes` bytes; never wait on a pipe or device.

        Raises ImageGone, ImageTooLarge or ImageUnavailable.
        """
        if ref.source != self.source:
            raise ImageGone(f"{ref.uri} is not of {self.source}")
        return read_file(unquote_to_bytes(ref.uri.removeprefix("file://")), self._max_bytes)

    def read_sidecar(self, ref: ImageRef, key: str) -> bytes:
        """Read a file beside the image. Raises ImageGone, ImageTooLarge or ImageUnavailable."""
        return read_file(os.path.join(self._root, to_path(key)), MAX_SIDECAR_BYTES)

    def resolve_name(self, name: str) -> tuple[str, str]:
        """Resolve a path, within the folder or absolute, or a file:// address. Raises ValueError."""
        given = unquote_to_bytes(name.removeprefix("file://")) if name.startswith("file://") else os.fsencode(name)
        path = os.path.relpath(os.path.join(self._root, given), self._root)
        if path == b"." or path.split(b"/")[0] == b"..":
            raise ValueError(f"it is not in {self.source}")
        return to_key(path), f"{self.source.removesuffix('/')}/{quote(path)}"

    def _identify_excluded(self) -> set[tuple[int, int]]:
        """Identify the excluded folders as they are now: a library may be created after its store."""
        return {identify(path) for path in self._exclude}

    def _should_enter(self, entry: "os.DirEntry[bytes]", path: bytes, walked: set[tuple[int, int]]) -> bool:
        """Tell whether to walk this folder: each once, and a link only where it leads out of the source."""
        parent = os.path.basename(os.path.dirname(path)) or os.path.basename(self._root)
        if is_rubbish(entry.name, parent):
            return False
        if self._exclusion.excludes_folder(os.fsdecode(path)):
            self.ignored[EXCLUDED] += _count_pictures(entry)
            return False
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.commonpath([target, self._root]) in (target, self._root):
                return False
        found = entry.stat()
        place = (found.st_dev, found.st_ino)
        if place in walked:
            return False
        walked.add(place)
        return True

    def _counts(self, below: bytes, name: bytes) -> bool:
        """Tell whether a name belongs to its folder as a person sees it: neither hidden nor excluded."""
        if is_hidden(name):
            return False
        return not (self._exclusion and self._exclusion.excludes(os.fsdecode(os.path.join(below, name))))

    def _make_uri(self, below: bytes) -> str:
        """Make what the URIs of all files of a folder begin with."""
        return f"{self.source.removesuffix('/')}/{quote(below)}{'/' if below else ''}"

    def _to_ref(
        self, entry: "os.DirEntry[bytes] | LocalFile", path: bytes, names: FolderNames, folder_uri: str
    ) -> ImageRef | None:
        plain = _is_plain_picture(entry.name)
        reason = None if plain else no_picture(entry.name)
        if reason is None and self._selects and self._exclusion.excludes(os.fsdecode(path)):
            self.ignored[EXCLUDED] += 1
            return None
        if reason is None:
            try:
                found = entry.stat()
            except OSError as error:
                if error.errno not in BROKEN_LINK:
                    raise
                reason = "broken link, or deleted meanwhile"
            else:
                reason = None if stat.S_ISREG(found.st_mode) else "no regular file"
        if reason is not None:
            name = os.fsdecode(entry.name)
            if not (may_be_sidecar(name) and names.is_sidecar(name)):
                self.ignored[reason] += 1
                _log.info("ignored %s: %s", to_key(path), reason)
            return None
        uri = folder_uri + (entry.name.decode() if plain or _is_plain(entry.name) else quote(entry.name))
        # without the names of fields, which take a third longer
        ref = ImageRef(self.source, to_key(path), uri, make_etag(found), found.st_size, to_utc(found.st_mtime_ns))
        if names.all_alone:
            return ref
        companions = names.companions(os.fsdecode(entry.name))
        return ref if companions is ALONE else self._accompany(ref, companions, os.path.dirname(path))

    def _accompany(self, ref: ImageRef, companions: Companions, below: bytes) -> ImageRef:
        etags: dict[str, str] = {}
        for name in companions.sidecars:
            try:
                found = os.stat(os.path.join(self._root, below, os.fsencode(name)))
            except OSError:  # gone by now, or a broken link
                continue
            if stat.S_ISREG(found.st_mode):
                etags[name] = make_etag(found)
        return add_companions(ref, companions, etags, partial(_key_within, below))


def source_name(folder: str) -> str:
    """Return the canonical name of a folder's source, given as path or file URI; the folder need not exist.

    Raises SourceNotFound where it is on another machine.
    """
    return to_uri(os.path.realpath(parse_path(folder)))


def _key_within(below: bytes, name: str) -> str:
    return to_key(os.path.join(below, os.fsencode(name)))


def _count_pictures(folder: "os.DirEntry[bytes]") -> int:
    """Count what may be pictures below a folder that patterns leave out, as far as it can be listed."""
    count = 0
    for here, folders, files in os.walk(folder.path) if not folder.is_symlink() else ():
        parent = os.path.basename(here)
        folders[:] = [name for name in folders if not (is_hidden(name) or is_rubbish(name, parent))]
        count += sum(not is_hidden(name) and no_picture(name) is None for name in files)
    return count
