"""`bucketlens` that kills itself at a named point: `main`, told POINT before|after COUNT MODELS ARGUMENTS….

COUNT is which passage of the point kills; MODELS is "real", or "colours" for those that take no time.
"""

import os
import signal
import sys
import threading
from typing import Any

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.local.run_log import LastRunFile
from core.adapters.local.thumbnails import ThumbnailFiles
from core.adapters.models.captioners.vision_captioner import VisionCaptioner
from core.adapters.models.encoders.clip_encoder import ClipEncoder
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_edge.shard import SharedShard
from core.adapters.shards.index_cache import IndexCache
from core.adapters.shards.store import ShardStore
from core.adapters.stores.s3 import S3Store
from core.adapters.stores.s3_reader import ObjectReader
from ingest.jobs.run_lock import RunLock
from tests.support.fakes import ColourCaptioner, ColourEncoder, ColourTextReader


def points(models: str) -> dict[str, tuple[Any, str]]:
    """Every stage of an ingest: what does it, by class and method."""
    encoder: Any = ClipEncoder if models == "real" else ColourEncoder
    captioner: Any = VisionCaptioner if models == "real" else ColourCaptioner
    return {
        "begin": (RunLock, "__enter__"),
        "list": (S3Store, "_list_page"),
        "read": (ObjectReader, "read"),
        "decode": (DecodeWorkers, "submit"),
        "thumbnail": (ThumbnailFiles, "put"),
        "encode": (encoder, "encode_images"),
        "upsert": (EdgeIndex, "upsert"),
        "written": (SharedShard, "count_written"),
        "tally": (SharedShard, "_set_tally"),
        "delete": (EdgeIndex, "delete"),
        "thumbnails deleted": (ThumbnailFiles, "delete"),
        "caption": (captioner, "caption"),
        "captions written": (EdgeIndex, "set_captions"),
        "optimize": (EdgeIndex, "optimize"),
        "end": (RunLock, "ended_well"),
        "record": (LastRunFile, "write"),
        "close": (SharedShard, "_close_shard"),
    }


def shard_points() -> dict[str, tuple[Any, str]]:
    """The stages that an ingest of shards has besides."""
    return {"shard indexed": (IndexCache, "save"), "shard read": (ShardStore, "read")}


def text_points() -> dict[str, tuple[Any, str]]:
    """The stages of reading text in pictures."""
    return {"text read": (ColourTextReader, "read"), "texts written": (EdgeIndex, "set_texts")}


def plant(owner: Any, method: str, moment: str, count: int) -> None:
    sound, counting, left = getattr(owner, method), threading.Lock(), count

    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        with counting:
            left -= 1
            mine = left == 0
        if mine and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = sound(*args, **kwargs)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, method, deadly)


def main() -> None:
    point, moment, count, models, *sys.argv[1:] = sys.argv[1:]
    if models == "colours":
        from core.bootstrap import Container

        Container.encoder = ColourEncoder()  # type: ignore[assignment]
        Container.captioner = ColourCaptioner()  # type: ignore[assignment]
        Container.text_reader = ColourTextReader()  # type: ignore[assignment]
    plant(*(points(models) | shard_points() | text_points())[point], moment, int(count))
    import bucketlens.cli

    bucketlens.cli.main()
