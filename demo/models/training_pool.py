"""The training pictures: rendered once at the models' own resolution and kept as arrays outside the repository.

Three ranges of seeds never meet: the sample library (`sample_library.LIBRARY_SEED`), training, and evaluation. Some
pairs of colour and kind are withheld from training, to measure whether the models put together what they never saw
together.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.scenes.composition import Scene, layout, random_scene
from demo.scenes.object_kinds import KINDS
from demo.scenes.painting import draw
from demo.scenes.palette import COLOURS

TRAIN_SEED = 10_000_000
EVALUATION_SEED = 20_000_000
PIXELS = 96
PATCH = 12
GRID = PIXELS // PATCH
SHARD = 8192

log = logging.getLogger(__name__)


def _withheld() -> frozenset[tuple[str, str]]:
    dice = random.Random("withheld pairs")
    kinds = dice.sample([kind for kind in KINDS if kind != "umbrella"], 12)
    return frozenset((dice.choice(list(COLOURS)), kind) for kind in kinds)


WITHHELD = _withheld()


def unseen(scene: Scene) -> bool:
    """Whether the scene contains a pair of colour and kind that training never shows."""
    return any((group.colour, group.kind) in WITHHELD for group in scene.groups)


def training_seeds() -> Iterator[int]:
    """Seeds of scenes without withheld pairs, endless."""
    return (seed for seed in count(TRAIN_SEED) if not unseen(random_scene(seed)))


def evaluation_scenes(number: int, *, with_unseen: bool = False) -> list[Scene]:
    """Held-out scenes: `number` of those without withheld pairs, or of those with."""
    scenes = (random_scene(seed) for seed in count(EVALUATION_SEED))
    return list(islice((scene for scene in scenes if unseen(scene) is with_unseen), number))


def thumbnail(scene: Scene) -> NDArray[np.uint8]:
    """The scene as the models see it, (PIXELS, PIXELS, 3): drawn larger, then reduced as their processor does."""
    return np.asarray(draw(scene, 2 * PIXELS).resize((PIXELS, PIXELS), Image.Resampling.BICUBIC))


def patch_owners(scene: Scene) -> NDArray[np.uint8]:
    """For each patch, (GRID, GRID): 0 for background, 1 for the first group, 2 for the second."""
    owners = np.zeros((GRID, GRID), dtype=np.uint8)
    middle = (np.arange(GRID) + 0.5) / GRID
    for spot in layout(scene):
        near = np.maximum(abs(middle[None, :] - spot.x), abs(middle[:, None] - spot.y)) <= spot.half * 0.85
        near[min(int(spot.y * GRID), GRID - 1), min(int(spot.x * GRID), GRID - 1)] = True
        owners[near] = spot.group + 1
    return owners


def patch_centres(scene: Scene) -> NDArray[np.uint8]:
    """For each patch, (GRID, GRID): 1 where an object has its centre."""
    centres = np.zeros((GRID, GRID), dtype=np.uint8)
    for spot in layout(scene):
        centres[min(int(spot.y * GRID), GRID - 1), min(int(spot.x * GRID), GRID - 1)] = 1
    return centres


@dataclass(frozen=True, eq=False)
class Pool:
    """Training pictures and what is in them, row by row."""

    pixels: NDArray[np.uint8]  # (N, PIXELS, PIXELS, 3)
    owners: NDArray[np.uint8]  # (N, GRID, GRID)
    centres: NDArray[np.uint8]  # (N, GRID, GRID)
    scenes: list[Scene]

    def __len__(self) -> int:
        return len(self.scenes)


def _render(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    scene = random_scene(seed)
    return thumbnail(scene), patch_owners(scene), patch_centres(scene)


def load_pool(folder: Path, shards: int) -> Pool:
    """The first `shards` x SHARD training pictures, rendered into `folder` where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = list(islice(training_seeds(), shards * SHARD))
    parts = []
    for number in range(shards):
        path = folder / f"pool-{number:03d}.npz"
        if not path.exists():
            log.info("rendering %s", path.name)
            _render_shard(path, seeds[number * SHARD : (number + 1) * SHARD])
        with np.load(path) as shard:
            parts.append((shard["pixels"], shard["owners"], shard["centres"]))
    pixels, owners, centres = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Pool(pixels, owners, centres, [random_scene(seed) for seed in seeds])


def _render_shard(path: Path, seeds: list[int]) -> None:
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as workers:
        rows = list(workers.map(_render, seeds, chunksize=64))
    pixels, owners, centres = (np.stack(column) for column in zip(*rows, strict=True))
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, pixels=pixels, owners=owners, centres=centres)
    os.replace(unfinished, path)
