"""Files of a repository of the Hugging Face hub, fetched one by one into its cache, and checked by their hashes.

The hub's own client begins each file anew after a stop (findings/huggingface_hub_downloads_begin_anew.sh). So what has
come of a file is kept here under a name of its own, and the next run goes on from there.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.adapters.models.files.manifest import hash_file, hash_git_blob

Advance = Callable[[int], None]  # called with the bytes that came


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: `digest` is the SHA-256 of large files, and git's SHA-1 of small ones."""

    path: str
    size: int
    digest: str

    def is_whole(self, path: Path) -> bool:
        """Tell whether these are the file's bytes."""
        if path.stat().st_size != self.size:
            return False
        found = hash_file(path) if len(self.digest) == 64 else hash_git_blob(path)
        return found == self.digest


class FileDamaged(OSError):
    """A file did not arrive as the hub has it."""


def resolve_commit(repository: str, revision: str | None) -> str:
    """Ask the hub for the commit of a revision; None: of its main branch. Raises the hub's errors."""
    if revision is not None:
        return revision
    commit = _api().repo_info(repository).sha
    assert commit is not None, "the hub names the commit of every answer"
    return str(commit)


def list_repository(repository: str, commit: str) -> list[RemoteFile]:
    """Ask the hub for the files of a commit. Raises the hub's errors."""
    from huggingface_hub.hf_api import RepoFile

    entries = _api().list_repo_tree(repository, recursive=True, revision=commit)
    files = [entry for entry in entries if isinstance(entry, RepoFile)]
    return [RemoteFile(f.path, f.size, f.lfs.sha256 if f.lfs else f.blob_id) for f in files]


def blob_path(home: Path, file: RemoteFile) -> Path:
    """Return where the cache keeps the file's bytes."""
    return home / "blobs" / file.digest


def part_path(home: Path, file: RemoteFile) -> Path:
    """Return where what has come of the file is kept."""
    return home / "blobs" / f"{file.digest}.incomplete"


def count_missing(home: Path, file: RemoteFile) -> int:
    """Count the bytes of a file that have not come yet."""
    if blob_path(home, file).exists():
        return 0
    part = part_path(home, file)
    return max(0, file.size - (part.stat().st_size if part.exists() else 0))


def download(repository: str, commit: str, file: RemoteFile, part: Path, advance: Advance | None) -> None:
    """Bring the file's bytes into `part`, from where that ends. Raises the hub's errors, OSError, FileDamaged.

    Without `advance` the hub's client draws its own bars.
    """
    for attempt in range(2):
        kept = part.stat().st_size if part.exists() else 0
        if kept > file.size:
            part.unlink()
            kept = 0
        _get(repository, commit, file, part, kept, advance)
        if file.is_whole(part):
            return
        part.unlink()
        if attempt or not kept:
            break
        if advance is not None:
            advance(-file.size)
    raise FileDamaged(f"{file.path} did not arrive as the hub has it: its hash is another one")


def link(repository: str, commit: str, files: list[RemoteFile]) -> None:
    """Have the snapshot of a commit refer to files whose bytes are in the cache. Raises the hub's errors, OSError."""
    from huggingface_hub import constants, hf_hub_download

    for file in files:
        hf_hub_download(repository, file.path, revision=commit, endpoint=constants.ENDPOINT, tqdm_class=_bar(None))


@contextmanager
def silence_hub() -> Iterator[None]:
    """Keep the warnings of the hub's client off the terminal: what matters is raised."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _get(repository: str, commit: str, file: RemoteFile, part: Path, kept: int, advance: Advance | None) -> None:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    part.parent.mkdir(parents=True, exist_ok=True)
    if file.size == kept:
        part.touch()
        return
    url = hf_hub_url(repository, file.path, revision=commit, endpoint=constants.ENDPOINT)
    with part.open("ab") as into:
        http_get(
            url,
            into,
            resume_size=kept,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.path,
            tqdm_class=None if advance is None else _bar(advance),
        )


def _bar(advance: Advance | None) -> Any:
    """Make what the hub's client takes for a progress bar, which draws nothing."""

    class Bar:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: Any) -> None: ...

        def close(self) -> None: ...

        def set_postfix_str(self, *_: Any, **__: Any) -> None: ...

        def update(self, count: float | None = 1) -> None:
            if advance is not None:
                advance(int(count or 0))

    return Bar


def _api() -> Any:
    from huggingface_hub import HfApi, constants

    return HfApi(endpoint=constants.ENDPOINT)
