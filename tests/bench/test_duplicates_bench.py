"""How long 10,000 pictures take to be looked through, 500 of them there twice; in seconds of CPU."""

import random
import time

import numpy as np
import pytest
from rich.console import Console

from core.domain.filtering.filters import EVERYTHING
from core.domain.vectors import unit
from core.duplicates.finder import Duplicates
from core.ports.vector_index import IndexInfo, Point
from demo.scenes.sample_library import draw, random_scene
from tests.integration.core.duplicates.test_duplicates import changed, file_of
from tests.support.fakes import MemoryIndex, MemoryThumbnails
from tests.support.made_up_images import record
from tests.unit.core.duplicates.test_similarity import thumbnail_of

PICTURES = 10_000
TWICE = 500
DIMENSION = 64


@pytest.mark.bench
@pytest.mark.parametrize("alike", [False, True], ids=["drawn scenes", "one scene, another thing each"])
def test_10_000_pictures(alike: bool) -> None:
    index, thumbnails = MemoryIndex(IndexInfo("none", "none", DIMENSION)), MemoryThumbnails()
    points = []
    for n in range(PICTURES - TWICE):
        image = draw(random_scene(n), 256)
        if alike:
            base = draw(random_scene(1), 256)
            at = random.Random(n).randint(0, 200), random.Random(-n).randint(0, 200)
            base.paste(image.resize((48, 48)), at)
            image = base
        for k, data in enumerate([file_of(image), changed(image, n)] if n < TWICE else [file_of(image)]):
            made = record(n + k * PICTURES, key=f"{n}.jpg")
            thumbnails.put(made.id, thumbnail_of(data))
            points.append(Point(made, unit(np.random.default_rng(n).normal(size=DIMENSION))))
    index.upsert(points)
    found = Duplicates(index, thumbnails.get, EVERYTHING)
    started = time.process_time()
    list(found.look())
    groups = list(found.groups())
    seconds = time.process_time() - started
    right = sum(len({record.key for record in group.records}) == 1 for group in groups)
    Console(stderr=True).print(
        f"{PICTURES:,} pictures: {seconds:.1f} s of CPU, {right} of {TWICE} found, {len(groups) - right} wrong groups"
    )
