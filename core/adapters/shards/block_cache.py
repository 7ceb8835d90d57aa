"""The blocks of shards that several readers are about to read, each fetched once."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

BLOCK = 2**23  # bytes
_BLOCKS = 8

_Key = tuple[str, str, int]


class BlockCache:
    """The last blocks that were read, at most 64 MiB. Threads that want the same block wait for one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[_Key, Future[bytes]] = OrderedDict()

    def read(self, shard: str, etag: str, size: int, place: range, fetch: Callable[[int, int], bytes]) -> bytes:
        """Read these bytes of a shard of `size` bytes; `fetch(start, length)` reads a block. Raises what it raises."""
        parts = []
        for number in range(place.start // BLOCK, (place.stop - 1) // BLOCK + 1):
            first = number * BLOCK
            block = self._get((shard, etag, number), lambda first=first: fetch(first, min(BLOCK, size - first)))  # type: ignore[misc]
            parts.append(block[max(0, place.start - first) : place.stop - first])
        return b"".join(parts)

    def _get(self, key: _Key, fetch: Callable[[], bytes]) -> bytes:
        with self._lock:
            block = self._blocks.get(key)
            mine = block is None
            if block is None:
                block = self._blocks[key] = Future()
            self._blocks.move_to_end(key)
            while len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        if mine:
            try:
                block.set_result(fetch())
            except BaseException as error:
                with self._lock:
                    if self._blocks.get(key) is block:
                        del self._blocks[key]
                block.set_exception(error)
        return block.result()
