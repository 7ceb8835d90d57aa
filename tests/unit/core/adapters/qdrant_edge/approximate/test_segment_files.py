"""Which files of a shard are shared by its copies."""

import os
from pathlib import Path

import pytest

from core.adapters.qdrant_edge.approximate.segment_files import copy_file, is_final, searched_files


def make(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    make(tmp_path / "shard/segments/built/id_tracker.mappings")
    make(tmp_path / "shard/segments/growing/mutable_id_tracker.mappings")
    return tmp_path / "shard"


@pytest.mark.parametrize(
    ("name", "final"),
    [
        ("segments/built/vector_storage-image/matrix.dat", True),
        ("segments/built/vector_storage-image/tq_vectors.dat", True),
        ("segments/built/vector_index-image/links_compressed.bin", True),
        ("segments/built/payload_storage/page_0.dat", True),
        ("segments/built/vector_storage-image/deleted.dat", False),
        ("segments/built/payload_storage/tracker.dat", False),
        ("segments/built/id_tracker.deleted", False),
        ("segments/built/segment.json", False),
        ("segments/growing/payload_storage/page_0.dat", False),
        ("segments/growing/vector_storage-image/matrix.dat", False),
        ("segments/growing/vector_storage-image/tq_vectors/chunk_0.mmap", False),
        ("wal/open-1", False),
        ("edge_config.json", False),
    ],
)
def test_what_never_changes_is_linked(shard: Path, tmp_path: Path, name: str, final: bool) -> None:
    path = make(shard / name, b"content")
    assert is_final(path.relative_to(shard), shard) == final
    copy_file(path, tmp_path / "copied", shard)
    assert (tmp_path / "copied").read_bytes() == b"content"
    assert os.path.samefile(path, tmp_path / "copied") == final


def test_a_disk_without_links_gets_copies(shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "not permitted")

    path = make(shard / "segments/built/payload_storage/page_0.dat", b"content")
    monkeypatch.setattr(os, "link", refuse)
    copy_file(path, tmp_path / "copied", shard)
    assert (tmp_path / "copied").read_bytes() == b"content" and not os.path.samefile(path, tmp_path / "copied")


def test_what_a_search_reads_are_graphs_their_vectors_and_what_grows(shard: Path) -> None:
    """Where no picture has a caption, there is no graph of captions, and their vectors are filled with one number."""
    read = [
        "segments/built/vector_index-image/links_compressed.bin",
        "segments/built/vector_storage-image/tq_vectors.dat",
        "segments/older/vector_index-image/links.bin",
        "segments/older/vector_storage-image/matrix.dat",
        "segments/growing/vector_storage-image/tq_vectors/chunk_0.mmap",
        "segments/growing/vector_storage-image/vectors/chunk_1.mmap",
    ]
    others = [
        "segments/built/vector_storage-caption/tq_vectors.dat",
        "segments/built/payload_storage/page_0.dat",
        "segments/growing/vector_storage-image/tq_vectors/config.json",
    ]
    for name in (*read, *others):
        make(shard / name)
    assert {str(path.relative_to(shard)) for path in searched_files(shard)} == set(read)
