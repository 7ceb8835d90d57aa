"""A journal of the points that are written, kept beside a shard: it tells what columns have to be read anew.

Ids are appended before their points are written. A write that never came to be does no harm: what is in the shard is
read. Every stamp of the library's tally is appended before the tally is written. A tally whose stamp is not in the
journal tells of writes that are not in it either. What was written before a loss of power counts only if it was synced,
so the machine's boot is in it too.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from operator import not_
from pathlib import Path

import numpy as np

from core.adapters.columns.table import Ids, pack_ids

_RECORD = np.dtype([("kind", "S1"), ("value", "S16")])
_SIZE = _RECORD.itemsize
_ID, _STAMP, _BOOT = b"i", b"s", b"b"


@dataclass(frozen=True, slots=True)
class Tail:
    """What a journal holds from some place on: ids that were written, as often; stamps; the last boot; its end."""

    written: Ids
    stamps: tuple[bytes, ...]
    boot: bytes | None
    end: int

    def find_ids(self) -> Ids:
        """Sort the ids that were written, each once: (N,), a microsecond each."""
        return np.unique(self.written)


@dataclass(slots=True)
class _Followed:
    """The ids that a journal tells between two places, without the zeros that one may end in."""

    start: int
    end: int
    ids: set[bytes]


class Journal:
    """The journal in one file. Written under the library's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._booted = False  # this boot is told
        self._followed = _Followed(0, 0, set())

    def note(self, image_ids: Sequence[str]) -> None:
        """Tell that these points are about to be written. Raises OSError."""
        if not self._booted:
            self._append(_BOOT, _boot())
            self._booted = True
        self._append(_ID, pack_ids(image_ids).tobytes())

    def mark(self, stamp: str) -> None:
        """Tell the stamp that the tally is about to get. Raises OSError."""
        self._append(_STAMP, bytes.fromhex(stamp))

    def sync(self) -> None:
        """Have it on disk. Raises OSError."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, start: int, most: int | None = None) -> Tail:
        """Read what is in it from a place on, or so many records of that. Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read(-1 if most is None else most * _SIZE)
        records = np.frombuffer(data, _RECORD, len(data) // _SIZE)
        values = records["value"]
        boots = values[records["kind"] == _BOOT]
        stamps = values[records["kind"] == _STAMP]
        return Tail(
            values[records["kind"] == _ID],
            tuple(stamps[n : n + 1].tobytes() for n in range(len(stamps))),
            boots[-1:].tobytes() if len(boots) else None,
            start + len(records) * _SIZE,
        )

    def split(self, image_ids: Sequence[str], start: int) -> tuple[list[str], list[str]]:
        """Part ids in those that were not written from a place on, and those that were. Raises OSError.

        What it tells from one place on is read once.
        """
        if self._followed.start != start:
            self._followed = _Followed(start, start, set())
        tail = self.read(self._followed.end)
        self._followed.ids.update(tail.written.tolist())
        self._followed.end = tail.end
        written = [one in self._followed.ids for one in pack_ids(image_ids).tolist()]
        return list(compress(image_ids, map(not_, written))), list(compress(image_ids, written))

    def end(self) -> int:
        """The place behind its last record. Raises OSError."""
        return self.path.stat().st_size // _SIZE * _SIZE

    def _append(self, kind: bytes, values: bytes) -> None:
        records = np.zeros(len(values) // 16, _RECORD)
        records["kind"] = kind
        records["value"] = np.frombuffer(values, "S16")
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)  # never made anew: without it, nothing is kept
        try:
            size = os.fstat(descriptor).st_size
            whole = size - size % _SIZE
            data = records.tobytes()
            try:
                if os.pwrite(descriptor, data, whole) != len(data):
                    raise OSError(28, os.strerror(28), str(self.path))
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, whole)
                raise
        finally:
            os.close(descriptor)


def is_of_this_boot(boot: bytes | None) -> bool:
    """Tell whether what this boot told is in the page cache or on disk, whatever ended its processes."""
    return boot is not None and bool(_boot().strip(b"\0")) and boot == _boot()


def _boot() -> bytes:
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return bytes.fromhex(text.replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)
