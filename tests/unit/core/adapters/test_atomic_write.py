import os
from pathlib import Path

import pytest

from core.adapters.local.atomic_write import replace_whole


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    replace_whole(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_whole(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["state.json"]


def test_what_a_crash_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".state.json.partial").write_bytes(b"much longer than what comes")
    replace_whole(tmp_path / "state.json", b"new")
    assert (tmp_path / "state.json").read_bytes() == b"new" and os.listdir(tmp_path) == ["state.json"]
