"""Finds what belongs together in a listing that comes in the order of keys and does not fit into memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from core.domain.image import ImageRef
from core.domain.sidecars import ALONE, FolderNames, add_companions, common_start, is_long_start
from core.errors import StoreError

_MOST_WAITING = 10_000  # entries in memory at once


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a listing. `ref` is None for what is no picture by its name."""

    key: str
    etag: str
    ref: ImageRef | None


@dataclass(slots=True)
class _Group:
    """Entries of one folder whose names have the same start; all that belongs together is in one group.

    Behind `end`, in the order of bytes, comes none of them. The first `taken` of them do not wait any more.
    """

    folder: str
    end: bytes
    entries: list[Listed] = field(default_factory=list)
    taken: int = 0
    _names: FolderNames | None = None

    def add(self, entry: Listed) -> None:
        self.entries.append(entry)
        self._names = None

    @property
    def is_single(self) -> bool:
        """Whether there is one entry, to which nothing belongs."""
        return len(self.entries) == 1

    def forget_taken(self) -> None:
        """Drop what does not wait any more: a folder may hold millions of names with the same long start."""
        del self.entries[: self.taken]
        self.taken = 0
        self._names = None

    @property
    def names(self) -> FolderNames:
        if self._names is None:
            self._names = FolderNames(entry.key.removeprefix(self.folder) for entry in self.entries)
        return self._names

    def accompany(self, ref: ImageRef) -> ImageRef:
        """Return the image with its sidecars and its pair."""
        if self.is_single:
            return ref
        companions = self.names.companions(ref.key.removeprefix(self.folder))
        if companions is ALONE:
            return ref
        etags = {entry.key.removeprefix(self.folder): entry.etag for entry in self.entries}
        return add_companions(ref, companions, etags, self.folder.__add__)


def match_companions(
    listing: Iterable[Listed], pass_over: Callable[[Listed], object], *, most: int = _MOST_WAITING
) -> Iterator[ImageRef]:
    """Yield the images of a listing with their sidecars and pairs, in its order and as early as can be.

    An entry waits until no name that may belong to it can follow, while there are not over `most` of them. Names whose
    stems differ in case are far apart in this order, and are not matched. `pass_over` is called for each entry that is
    neither image nor sidecar. Where the listing raises StoreError, all that was listed comes first.
    """
    groups: dict[tuple[str, str], _Group] = {}
    waiting: deque[tuple[tuple[str, str], Listed]] = deque()
    problem: StoreError | None = None

    def take() -> Iterator[ImageRef]:
        name, entry = waiting.popleft()
        group = groups[name]
        if entry.ref is not None:
            yield group.accompany(entry.ref)
        elif group.is_single or not group.names.is_sidecar(entry.key.removeprefix(group.folder)):
            pass_over(entry)
        group.taken += 1
        if group.entries[-1] is entry:
            del groups[name]
        elif group.taken >= most:
            group.forget_taken()

    try:
        for entry in listing:
            name = _group_name(entry.key)
            group = groups.setdefault(name, _Group(name[0], _group_end(*name)))
            group.add(entry)
            waiting.append((name, entry))
            last = entry.key.encode()
            enough = len(waiting) if len(waiting) <= most else most // 2
            while waiting and (len(waiting) > enough or last >= groups[waiting[0][0]].end):
                yield from take()
    except StoreError as error:
        problem = error
    while waiting:
        yield from take()
    if problem is not None:
        raise problem


def _group_name(key: str) -> tuple[str, str]:
    """Return the folder of a key, with its "/", and the start of its name."""
    folder, slash, name = key.rpartition("/")
    return folder + slash, common_start(name)


def _group_end(folder: str, start: str) -> bytes:
    """Return what follows, in the order of bytes, on all names that have this start and belong together.

    What comes behind the start of a short name is one of "(", "-" and ".", which come before "/".
    """
    return (folder + start).encode() + (b"\xff" if is_long_start(start) else b"/")
