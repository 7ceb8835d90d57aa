"""Building the approximate index of an embedded library beside it, while the library goes on answering.

The engine builds in place, for minutes, and lets no thread of its process run meanwhile. So the shard is copied file by
file, and a process of its own builds in the copy. Segments that are built already are linked, not copied: what is
written and kept in memory depends on what came since. The manifest is turned to the copy when nothing was written
meanwhile. Killed at any step, the manifest names one whole shard; what else lies there is removed by the next
`optimize`.
"""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import qdrant_edge as edge

from core.adapters.local.free_space import RESERVE
from core.adapters.qdrant_edge.approximate import parameters
from core.adapters.qdrant_edge.approximate.parameters import building
from core.adapters.qdrant_edge.approximate.segment_files import copy_file, count_unindexed, is_final
from core.adapters.qdrant_edge.engine_errors import translate_errors
from core.adapters.qdrant_edge.files import (
    damaged,
    read_manifest,
    read_tally,
    size_on_disk,
    sync_folder,
    write_manifest,
)
from core.adapters.qdrant_edge.migrations import replace_heavy_indexes
from core.adapters.qdrant_edge.shard import SharedShard, find_fault

WORTHWHILE = 50_000  # images outside the approximate index: comparing them one by one costs some 10 ms
_SHARE = 1 / 8  # of a library, where that is more, up to
_MOST = 200_000

_ROOT = Path(__file__).resolve().parent.parent.parent.parent
_SPACE = 2.5  # of what is written: the copy, the index in it and the segments it is merged from

_log = logging.getLogger(__name__)


def optimize(folder: Path, shared: SharedShard, wait_s: float) -> None:
    """Does nothing where it does not pay, disk space is short, or another process is at it. Raises LibraryError."""
    with translate_errors(folder), _one_builder(folder) as builder:
        if builder is None:
            return
        _remove_leftovers(folder, read_manifest(folder).shard)
        with shared.quiesce(wait_s) as tally:
            shard = folder / read_manifest(folder).shard
            if count_unindexed(shard) < max(WORTHWHILE, min(int(tally.points * _SHARE), _MOST)):
                return
            needed = _estimate_room(shard) + RESERVE
        if shutil.disk_usage(folder).free < needed:
            _log.warning("library not optimized, disk space is short folder=%s needed=%d", folder, needed)
            return
        started = time.monotonic()
        copy = folder / f"shard-{uuid.uuid4().hex[:8]}"
        try:
            stamp = _copy(folder, copy, shared, wait_s)
            kept = (
                stamp is not None
                and _build(folder, copy, builder)
                and _switch_shard(folder, copy, stamp, shared, wait_s)
            )
        finally:
            if read_manifest(folder).shard != copy.name:
                shutil.rmtree(copy, ignore_errors=True)
        _log.info("library optimized folder=%s kept=%s seconds=%.1f", folder, kept, time.monotonic() - started)


def _estimate_room(shard: Path) -> int:
    """Estimate the bytes that building takes: what is not linked, and what the engine puts together."""
    growing = size_on_disk(shard, lambda path: not is_final(path.relative_to(shard), shard))
    segments = sorted(map(size_on_disk, (shard / "segments").iterdir()))
    surplus = len(segments) + 1 - parameters.SEGMENTS  # one is added
    merged = sum(segments[: surplus + 1]) if surplus > 0 else 0
    return int((growing + merged) * _SPACE)


def _copy(folder: Path, copy: Path, shared: SharedShard, wait_s: float) -> str | None:
    """The stamp of what was copied, or None where somebody wrote meanwhile.

    The library is let go between pieces when another process wants it: readers change nothing.
    """
    with shared.quiesce(wait_s) as tally:
        source = folder / read_manifest(folder).shard
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    for path in files:
        target = copy / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with shared.quiesce(wait_s) as now:
            if now.stamp != tally.stamp:
                return None
            copy_file(path, target, source)
    return tally.stamp


def _build(folder: Path, copy: Path, builder: int) -> bool:
    """In a process of its own, at low priority; it inherits the builder's lock, so that none builds beside it."""
    command = [sys.executable, "-m", "core.adapters.qdrant_edge.optimizer", str(folder), str(copy)]
    done = subprocess.run(
        command, cwd=_ROOT, pass_fds=(builder,), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        _log.error("library not optimized folder=%s exit=%d error=%s", folder, done.returncode, done.stderr[-2000:])
    return done.returncode == 0


def _switch_shard(folder: Path, copy: Path, stamp: str, shared: SharedShard, wait_s: float) -> bool:
    """Make the copy the library's shard, unless somebody wrote since it was taken."""
    with shared.suspend(wait_s):
        tally = read_tally(folder)
        if tally.stamp != stamp:
            return False
        manifest = read_manifest(folder)
        sync_folder(folder)
        write_manifest(folder, replace(manifest, shard=copy.name))
        shutil.rmtree(folder / manifest.shard, ignore_errors=True)
    return True


@contextmanager
def _one_builder(folder: Path) -> Iterator[int | None]:
    """The locked file's descriptor, or None where another process builds."""
    descriptor = os.open(folder / "building", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _remove_leftovers(folder: Path, current: str) -> None:
    for path in folder.glob("shard-*"):
        if path.name != current:
            shutil.rmtree(path, ignore_errors=True)


def build(folder: Path, copy: Path) -> None:
    """Raises LibraryDamaged where the built shard is not whole."""
    os.nice(10)
    with translate_errors(folder):
        manifest = read_manifest(folder)
        shard = edge.EdgeShard.load(str(copy), building(copy, manifest.info.dimension))
        replace_heavy_indexes(shard)
        shard.optimize()
        shard.flush()
        fault = find_fault(shard, read_tally(folder), manifest)
        shard.close()
        sync_folder(copy, deep=True)  # the old shard is removed once the manifest is turned to this one
    if fault:
        raise damaged(copy, fault)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
