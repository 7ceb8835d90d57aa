"""Demo libraries for `bucketlens eval`: drawn pictures, whose ground truth is known."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from core.bootstrap import Container
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import INDEXED, Filter
from core.evaluation.evaluator import GroundTruth
from core.ports.scrolling import scroll_all
from core.settings import DEMO
from demo.evaluation.drawn_library import draw_library, make_ground_truth, paraphrase_all
from demo.scenes.composition import Scene
from demo.scenes.sample_library import PICTURES, library_scene, number_of
from ingest.commands.progress import show

COUNT = 500


@contextmanager
def make_library(count: int = COUNT) -> Iterator[tuple[Container, GroundTruth]]:
    """Make a temporary demo library of `count` pictures, and yield it with its ground truth."""
    with draw_library([library_scene(number) for number in range(1, count + 1)], show) as library:
        yield library.container, _make_ground_truth(library.scenes)


def read_ground_truth(container: Container) -> GroundTruth | None:
    """Return the ground truth of a library that `bucketlens demo` made; None for any other."""
    if container.index.info.model != DEMO:
        return None
    source = container.sources.canonical_name(str(container.settings.data / PICTURES))
    scenes = {
        record.id: library_scene(number)
        for record in scroll_all(container.index.scroll, INDEXED & Filter(all=(Match("source", (source,)),)))
        if (number := number_of(record.key)) is not None
    }
    return _make_ground_truth(scenes) if scenes else None


def _make_ground_truth(scenes: Mapping[str, Scene]) -> GroundTruth:
    """Ask for every scene in a free wording of its caption, the same every time."""
    return make_ground_truth(scenes, paraphrase_all(list(scenes.values()), random.Random("eval")))
