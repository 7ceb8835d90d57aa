"""Which files of a shard are shared by its copies, and what takes no room."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.adapters.qdrant_edge.approximate.segment_files import copy_file, dig_holes, is_final


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
        ("segments/built/vector_index-image/links_compressed.bin", True),
        ("segments/built/payload_storage/page_0.dat", True),
        ("segments/built/vector_storage-image/deleted.dat", False),
        ("segments/built/payload_storage/tracker.dat", False),
        ("segments/built/id_tracker.deleted", False),
        ("segments/built/segment.json", False),
        ("segments/growing/payload_storage/page_0.dat", False),
        ("segments/growing/vector_storage-image/matrix.dat", False),
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


def test_zeros_take_no_room_and_stay_zeros(shard: Path) -> None:
    dice = np.random.default_rng(1)
    pages = dice.integers(1, 255, (4096, 4096), np.uint8)  # 16 MiB: two pieces
    pages[5:1000] = pages[2040:2060] = pages[4095] = 0
    content = pages.tobytes() + bytes(4099)
    path = make(shard / "segments/built/vector_storage-caption/matrix.dat", content)
    whole = path.stat().st_blocks
    dig_holes(shard)
    assert path.read_bytes() == content
    assert path.stat().st_blocks * 512 == whole * 512 - (995 + 20 + 1 + 1) * 4096


def test_a_file_that_another_shard_shares_is_left_alone(shard: Path, tmp_path: Path) -> None:
    path = make(shard / "segments/built/vector_storage-caption/matrix.dat", bytes(8192))
    os.link(path, tmp_path / "other")
    before = path.stat().st_blocks
    dig_holes(shard)
    assert path.stat().st_blocks == before
