"""The indexes of shards that were gone through, on disk, so that an unchanged shard is not gone through again."""

import gzip
import hashlib
import json
import logging
import os
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from core.adapters.local.atomic_write import replacing
from core.adapters.shards.shard import Shard
from core.adapters.shards.tar_index import Member, TarIndex

_log = logging.getLogger(__name__)

_VERSION = 1
_END = "end"
_SUFFIX = ".jsonl.gz"


class IndexCache:
    """A file for every shard of a source, which holds for one etag of the shard.

    Where the library's folder is not there yet, or cannot be written, nothing is kept and nothing fails.
    """

    def __init__(self, data: Path, source: str) -> None:
        """Name the folder within the library's folder, without making it."""
        self._data = data
        self._folder = data / "shards" / _digest(source)

    def load(self, shard: Shard) -> TarIndex | None:
        """Read the index of a shard; None where there is none for this etag, or it is damaged."""
        try:
            with gzip.open(self._path(shard.name), "rt", encoding="utf-8") as lines:
                head = json.loads(next(lines))
                if (head["version"], head["etag"]) != (_VERSION, shard.etag):
                    return None
                index = TarIndex([], Counter(head["ignored"]), head["problem"])
                values: Any = None
                for line in lines:  # to the very end, where the checksum is
                    values = json.loads(line)
                    if values == _END:
                        continue
                    name, start, size, modified, captions = values
                    index.members.append(Member(name, start, size, modified, tuple(captions)))
            if values == _END:
                return index
        except FileNotFoundError:
            return None
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, StopIteration) as error:
            _log.info("index of %s not used: %s", shard.uri, error)
        return None

    def save(self, shard: Shard, index: TarIndex) -> None:
        """Keep the index of a shard, whole or not at all."""
        if not self._data.is_dir():
            return
        head = {"version": _VERSION, "etag": shard.etag, "ignored": dict(index.ignored), "problem": index.problem}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path(shard.name)) as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
                packed.write(json.dumps(head).encode() + b"\n")
                for each in index.members:
                    values = (each.name, each.start, each.size, each.modified, each.captions)
                    packed.write(json.dumps(values).encode() + b"\n")
                packed.write(json.dumps(_END).encode() + b"\n")
        except OSError as error:
            _log.warning("the index of %s is not kept: %s", shard.uri, error.strerror or error)

    def retain(self, names: Collection[str]) -> None:
        """Delete the indexes of all other shards."""
        kept = {self._path(name).name for name in names}
        try:
            for name in os.listdir(self._folder):
                if name.endswith(_SUFFIX) and name not in kept:
                    (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            _log.debug("indexes of shards not removed: %s", error)

    def _path(self, name: str) -> Path:
        return self._folder / f"{_digest(name)}{_SUFFIX}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
