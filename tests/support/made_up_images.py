"""Made-up images for tests of the index."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from core.domain.image import ImageRecord
from core.domain.vectors import Vector, unit
from core.ports.vector_index import Point
from core.text import analysis

DIMENSION = 16
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def image_id(n: int) -> str:
    return str(uuid.UUID(int=n))


def vector(seed: int) -> Vector:
    return unit(np.random.default_rng(seed).normal(size=DIMENSION))


def record(n: int, caption: str | None = None, **changes: Any) -> ImageRecord:
    """Image `n`, indexed, modified `n` minutes after START; with a caption, captioned by "demo"."""
    made = ImageRecord(
        id=image_id(n),
        source="file:///pictures",
        key=f"{n}.jpg",
        uri=f"file:///pictures/{n}.jpg",
        etag=f"etag-{n}",
        bytes=1000 + n,
        modified_at=START + timedelta(minutes=n),
        indexed_at=START + timedelta(days=1, microseconds=n),
        status="indexed",
        encoder="colours-1",
        content_hash=f"{n:064x}",
        width=640,
        height=480,
    )
    if caption is not None:
        forms = analysis.analyse(caption)
        made = replace(
            made, caption=caption, words=forms, caption_origin="generated", captioner="demo", caption_score=0.25
        )
    changed = replace(made, **changes)
    return replace(changed, name_words=analysis.analyse(*changed.documents["name"]))


def point(n: int, caption: str | None = None, **changes: Any) -> Point:
    """Image `n` with its image vector and, captioned, its caption vector."""
    return Point(record(n, caption, **changes), vector(n), None if caption is None else vector(1000 + n))


def failed_point(n: int, error: str = "not an image") -> Point:
    return Point(record(n, status="failed", error=error, width=None, height=None), None)
