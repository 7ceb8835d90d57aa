"""The files of a shard's segments: which of them never change, and what is not in the approximate index yet.

A segment that is indexed is never written to again, but for a few small files that mark what was deleted from it. What
is written later is put into the one segment that still grows. So a shard is copied by linking what never changes.
"""

import os
from contextlib import suppress
from pathlib import Path

_VERSION_BYTES = 8  # of a point, in the file that lists them for a segment that grows
_GROWING = "mutable_id_tracker.versions"
_INDEXED = "id_tracker.mappings"
_MISSING = "vector_storage-image/deleted/flags_*.dat"  # a bit for each point without a vector
VECTOR_FILES = ("matrix.dat", "tq_vectors.dat")  # of four bytes a number, and of two
_PIECE = 8 * 2**20


def count_unindexed(shard: Path) -> int:
    """Count the images with a vector in segments that still grow. What is deleted there counts until it is built.

    The engine's own count of indexed vectors has the sparse ones in it, and those that were deleted since. What was not
    flushed yet is not counted.
    """
    return sum(_count_vectors(path.parent) for path in shard.glob(f"segments/*/{_GROWING}"))


def _count_vectors(segment: Path) -> int:
    """Count the points of a segment that grows, less those without a vector: the engine builds nothing of these."""
    missing = (int.from_bytes(path.read_bytes(), "little").bit_count() for path in segment.glob(_MISSING))
    return max(0, _size(segment / _GROWING) // _VERSION_BYTES - max(missing, default=0))


def searched_files(shard: Path) -> list[Path]:
    """Name the files that a search reads all over: graphs, and the vectors that they are of; those that grow, too."""
    graphs = list(shard.glob("segments/*/vector_index-*/links*.bin"))
    vectors = {graph.parents[1] / graph.parent.name.replace("index", "storage", 1) for graph in graphs}
    built = [folder / name for folder in sorted(vectors) for name in VECTOR_FILES if (folder / name).is_file()]
    return [*graphs, *built, *sorted(shard.glob("segments/*/vector_storage-image/*vectors/chunk_*"))]


def copy_file(source: Path, target: Path, shard: Path) -> None:
    """Have a file of the shard in a copy of it: linked where it never changes, and where the disk can do so."""
    if is_final(source.relative_to(shard), shard):
        with suppress(OSError):
            os.link(source, target)
            return
    copy_sparse(source, target)


def is_final(path: Path, shard: Path) -> bool:
    """Tell whether the engine never writes to this file of the shard again."""
    match path.parts:
        case ("segments", segment, folder, *rest):
            return (shard / "segments" / segment / _INDEXED).is_file() and _is_final_part(folder, rest)
    return False


def _is_final_part(folder: str, rest: list[str]) -> bool:
    """Of an indexed segment. Everything else is small, or marks what was deleted."""
    if not rest:
        return False
    if folder.startswith("vector_storage-"):
        return len(rest) == 1 and rest[0] in VECTOR_FILES
    if folder.startswith("vector_index-"):
        return rest[-1] in ("links_compressed.bin", "links.bin", "inverted_index.dat")
    return folder == "payload_storage" and rest[-1].startswith("page_")


def copy_sparse(source: Path, target: Path) -> None:
    """Holes stay holes: the engine's files reserve far more than they hold."""
    with source.open("rb") as reading, target.open("wb") as writing:
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        start = end = 0
        while end < size:
            try:
                start = os.lseek(reading.fileno(), end, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole behind `end`
                break
            end = os.lseek(reading.fileno(), start, os.SEEK_HOLE)
            for offset in range(start, end, _PIECE):
                piece = os.pread(reading.fileno(), min(_PIECE, end - offset), offset)
                os.pwrite(writing.fileno(), piece, offset)
        os.fsync(writing.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
