"""Bringing a library that an earlier version made up to what filters ask by now."""

import logging
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import qdrant_edge as edge

from core.adapters.local.free_space import check_free_space
from core.adapters.qdrant_edge.approximate.parameters import field_index, is_lean
from core.adapters.qdrant_edge.files import FORMAT, Manifest, write_manifest
from core.adapters.qdrant_edge.word_migration import delete_progress, migrate_words
from core.text.analysis import ANALYSER_VERSION
from core.text.bm25 import SCORING_VERSION

_PAGE = 1000

# What filters and orders ask by, and since which format; each has a payload index.
FIELDS: dict[str, tuple[int, "edge.PayloadSchemaType | edge.KeywordIndexParams"]] = {
    "words": (1, edge.PayloadSchemaType.Keyword),
    "source": (1, edge.PayloadSchemaType.Keyword),
    "status": (1, edge.PayloadSchemaType.Keyword),
    "content_hash": (1, edge.PayloadSchemaType.Keyword),
    "caption_origin": (1, edge.PayloadSchemaType.Keyword),
    "captioner": (1, edge.PayloadSchemaType.Keyword),
    "modified_at": (1, edge.PayloadSchemaType.Datetime),
    "taken_at": (2, edge.PayloadSchemaType.Datetime),
    "key": (2, edge.KeywordIndexParams(prefix=True)),
    "width": (2, edge.PayloadSchemaType.Integer),
    "height": (2, edge.PayloadSchemaType.Integer),
    "aspect": (2, edge.PayloadSchemaType.Float),
    "camera": (4, edge.PayloadSchemaType.Keyword),
    "lens": (4, edge.PayloadSchemaType.Keyword),
    "keywords": (4, edge.PayloadSchemaType.Keyword),
    "people": (4, edge.PayloadSchemaType.Keyword),
    "pair": (4, edge.PayloadSchemaType.Keyword),
    "rating": (4, edge.PayloadSchemaType.Integer),
    "incomplete": (4, edge.PayloadSchemaType.Float),
    "latitude": (4, edge.PayloadSchemaType.Float),
    "longitude": (4, edge.PayloadSchemaType.Float),
    **dict.fromkeys(
        (
            "text_words",
            "text_reader",
            "places",
            "place_words",
            "city",
            "region",
            "country",
            "name_words",
            "caption_flaw",
            "caption_language",
        ),
        (5, edge.PayloadSchemaType.Keyword),
    ),
}

_log = logging.getLogger(__name__)


def create_indexes(shard: edge.EdgeShard) -> None:
    """Those that are not there yet."""
    for field in FIELDS.keys() - shard.info().payload_schema.keys():
        _create_index(shard, field)


def replace_heavy_indexes(shard: edge.EdgeShard) -> None:
    """Make anew those that have graphs of their own, as earlier versions made them. It takes 10 µs an image and field.

    In a copy of the shard that nobody asks yet.
    """
    for field in [field for field, index in shard.info().payload_schema.items() if not is_lean(index)]:
        if field in FIELDS:
            shard.update(edge.UpdateOperation.delete_field_index(field))
            _create_index(shard, field)


def _create_index(shard: edge.EdgeShard, field: str) -> None:
    shard.update(edge.UpdateOperation.create_field_index(field, field_index(FIELDS[field][1])))


def find_lost_indexes(shard: edge.EdgeShard, format: int) -> list[str]:
    """Those that a library of that format had and this shard lacks."""
    had = {field for field, (since, _) in FIELDS.items() if since <= format}
    return sorted(had - shard.info().payload_schema.keys())


def upgrade(folder: Path, shard: edge.EdgeShard, manifest: Manifest) -> None:
    """Under the library's lock. Killed at any step, the next load goes on with it. Raises DiskFull."""
    check_free_space(folder)
    started = time.monotonic()
    create_indexes(shard)
    if manifest.format < 2:
        _add_aspects(shard)
    if manifest.format < 3 or (manifest.analyser, manifest.scoring) != (ANALYSER_VERSION, SCORING_VERSION):
        migrate_words(folder, shard)
    shard.flush()
    write_manifest(folder, replace(manifest, format=FORMAT, analyser=ANALYSER_VERSION, scoring=SCORING_VERSION))
    delete_progress(folder)
    _log.info("library upgraded folder=%s seconds=%.1f", folder, time.monotonic() - started)


def _add_aspects(shard: edge.EdgeShard) -> None:
    offset = None
    while True:
        request = edge.ScrollRequest(offset=offset, limit=_PAGE, with_payload=["width", "height"], with_vector=False)
        found, offset = shard.scroll(request)
        alike = defaultdict(list)
        for point in found:
            size = point.payload or {}
            if size.get("width") and size.get("height"):
                alike[size["width"] / size["height"]].append(point.id)
        for aspect, ids in alike.items():
            shard.update(edge.UpdateOperation.set_payload(ids, {"aspect": aspect}))
        if offset is None:
            return
