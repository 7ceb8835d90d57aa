"""Copies a library into another of the same model, and compares them. A copy that was cut off goes on."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.domain.image import ImageRecord
from core.domain.vectors import Vector
from core.errors import ModelMismatch
from core.ports.scrolling import PAGE_SIZE, scroll_pages
from core.ports.vector_index import DenseName, Point, VectorIndex
from ingest.pipeline.run_context import OPTIMIZE_EVERY

SAMPLED = 500  # pictures that are compared in the end
_ROUNDED = 1e-4  # how far apart an index may keep a vector that has two bytes for a number; 4e-5 was measured


@dataclass(slots=True)
class CopyProgress:
    """How far a copy is, in pictures, failed ones included.

    `written` now, `same` there already, `others` that only the target holds (known at the end).
    `sample`: ids of pictures, each as likely as any other.
    """

    total: int
    written: int = 0
    same: int = 0
    others: int = 0
    sample: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.written + self.same


def copy(source: VectorIndex, target: VectorIndex, chance: random.Random | None = None) -> Iterator[CopyProgress]:
    """Write every point of the source into the target, unless the same is there. Yields after every page.

    After a stop or a kill, the same call goes on. Points that only the target holds stay.
    Raises ModelMismatch, and LibraryError as either index does.
    """
    if source.info.fingerprint != target.info.fingerprint:
        raise ModelMismatch(target.info.model, source.info.model)
    chance = chance or random.Random()
    copied = CopyProgress(source.count())
    held, found = target.count(), 0
    yield copied
    for records in scroll_pages(source.scroll):
        there = _points(target, target.fetch([record.id for record in records]).values())
        new = [
            point for image_id, point in _points(source, records).items() if not _is_same(point, there.get(image_id))
        ]
        if new:
            target.upsert(new)
        found += len(there)
        for number, record in enumerate(records, copied.done):
            _add_to_sample(copied.sample, record.id, number, chance)
        copied.written += len(new)
        if copied.written // OPTIMIZE_EVERY > (copied.written - len(new)) // OPTIMIZE_EVERY:
            target.optimize()
        copied.same += len(records) - len(new)
        yield copied
    copied.others = held - found


def find_differences(source: VectorIndex, target: VectorIndex, copied: CopyProgress) -> list[str]:
    """Say in sentences what differs after a copy: the numbers of pictures, and pictures of the sample."""
    said = []
    if (now := source.count()) != copied.done:
        said.append(f"{copied.done:,} pictures were copied, and the source holds {now:,} by now")
    if (held := target.count()) != copied.done + copied.others:
        said.append(f"the target holds {held:,} pictures, and should hold {copied.done + copied.others:,}")
    for start in range(0, len(copied.sample), PAGE_SIZE):
        ids = copied.sample[start : start + PAGE_SIZE]
        ours, theirs = (_points(index, index.fetch(ids).values()) for index in (source, target))
        said += [
            f"{ours[one].record.uri} differs" for one in ids if one in ours and not _is_same(ours[one], theirs.get(one))
        ]
    return said


def _points(index: VectorIndex, records: Iterable[ImageRecord]) -> dict[str, Point]:
    """Read whole points of an index, by id."""
    held = {record.id: record for record in records}
    vectors = {name: index.vectors(list(held), name) if held else {} for name in _NAMES}
    return {i: Point(record, vectors["image"].get(i), vectors["caption"].get(i)) for i, record in held.items()}


_NAMES: Sequence[DenseName] = ("image", "caption")


def _is_same(point: Point, other: Point | None) -> bool:
    if other is None or point.record != other.record:
        return False
    return _is_equal(point.image, other.image) and _is_equal(point.caption, other.caption)


def _is_equal(one: Vector | None, other: Vector | None) -> bool:
    return one is other if one is None or other is None else float(np.linalg.norm(one - other)) < _ROUNDED


def _add_to_sample(sample: list[str], image_id: str, number: int, chance: random.Random) -> None:
    """Sample by reservoir (Vitter 1985, algorithm R); `number` pictures came before."""
    if len(sample) < SAMPLED:
        sample.append(image_id)
    elif (place := chance.randrange(number + 1)) < SAMPLED:
        sample[place] = image_id
