"""The library of drawn sample pictures: its scenes, their captions, and a folder of them on disk.

    scene = random_scene(7)
    draw(scene, 512).save("scene.jpg")
    caption(scene)          # "two blue cars left of a yellow star on a meadow"

The other modules of this package each hold one part: `composition` what is where, `painting` how it looks, `captions`
what is said of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from demo.scenes.backgrounds import BACKGROUNDS
from demo.scenes.captions import caption, paraphrase, short_queries
from demo.scenes.composition import Group, Placed, Scene, layout, random_scene
from demo.scenes.object_kinds import KINDS
from demo.scenes.painting import draw
from demo.scenes.palette import COLOURS

__all__ = [
    "BACKGROUNDS", "COLOURS", "KINDS", "LIBRARY_SEED", "PICTURES", "PLANTED", "Group", "Placed", "Scene", "caption",
    "draw", "layout", "library_scene", "number_of", "paraphrase", "random_scene", "short_queries", "write_pictures",
]  # fmt: skip

LIBRARY_SEED = 1_000_000
PICTURES = "demo-pictures"  # the folder of them within that of a library
PLANTED = frozenset({17, 170, 333, 512, 700, 941})  # where three red umbrellas at night stand, whatever the seed


def library_scene(number: int, seed: int = LIBRARY_SEED) -> Scene:
    """Return the scene of picture `number` (from 1) of the sample library."""
    if number in PLANTED:
        return Scene("night", (Group("umbrella", "red", 3),), None, seed + number)
    return random_scene(seed + number)


def number_of(name: str) -> int | None:
    """Read the picture's number from the name of its file; None where it is no such name."""
    found = re.fullmatch(r"demo-(\d{5,7})\.jpg", name)
    return int(found[1]) if found else None


def write_pictures(folder: Path, count: int, seed: int = LIBRARY_SEED, size: int = 512) -> Iterator[Path]:
    """Write pictures 1 to `count` as JPEG and yield each path in order, once its file is complete.

    Pictures already there and readable are left as they are, so an interrupted call can be repeated. A file appears
    under its name only when whole. Names say nothing of the content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".demo-*.part"):
        leftover.unlink(missing_ok=True)
    paths = [folder / f"demo-{number:05d}.jpg" for number in range(1, count + 1)]
    missing = [number for number, path in enumerate(paths, 1) if not _is_complete(path, size)]
    if not missing:
        yield from paths
        return
    write = partial(_write, folder=folder, seed=seed, size=size)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        written = pool.map(write, missing, chunksize=4)
        wanted = set(missing)
        for number, path in enumerate(paths, 1):
            if number in wanted:
                path = next(written)
            yield path


def _write(number: int, folder: Path, seed: int, size: int) -> Path:
    path = folder / f"demo-{number:05d}.jpg"
    partial_path = folder / f".{path.name}.{os.getpid()}.part"
    draw(library_scene(number, seed), size).save(partial_path, format="JPEG", quality=90, progressive=False)
    os.replace(partial_path, path)
    return path


def _is_complete(path: Path, size: int) -> bool:
    """Tell whether the file is a whole JPEG of that size."""
    try:
        with Image.open(path) as image:
            image.load()
            return image.format == "JPEG" and image.size == (size, size)
    except OSError:
        return False
