"""Real CLIP vectors of photographs and texts, with the photographs' captions, for measurements.

A folder holds `*.npz` with `image` (N, D) and `text` (Q, D). Beside each lies a `.json` of the same name with
`pictures` (`captions` of each row) and `texts` ("a dog", of each row). Neither is part of the project.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.vectors import Matrix, unit
from core.text import analysis

# Things that everyday photographs of people, dogs and sports do not show. What captions leave out is not among them.
ABSENT = """accordion artichoke avocado banjo bell-pepper bidet birdcage blueberry cabbage camel cannon caterpillar
    cauliflower chessboard cockroach coffeemaker crocodile dolphin doughnut dumpling dustpan eel elk flamingo forklift
    french-fries frog garbage-truck gas-stove gazelle gondola grapefruit harp hippopotamus hotplate hummingbird
    ironing-board jaguar lobster lynx mammoth manatee meatball microscope microwave-oven missile oboe octopus okra
    ostrich oven pancake papaya parking-meter parrot penguin pineapple pizza pressure-cooker pretzel projector puffin
    radiator raspberry sausage scallop screwdriver sea-lion seashell sewing-machine shark space-shuttle spring-rolls
    squid stop-sign strawberry sushi syringe taco television-set toaster toothpaste turtle urinal vacuum-cleaner
    vending-machine waffle walrus watermelon wedding-cake whale yacht yak"""

# Things that a caption names because one sees them. People, clothes and houses, which captions leave out, are not here.
SPECIFIC = """bagpipe bicycle bird bus cat dirt-bike dog football frisbee horse hurdle jet-ski kayak life-jacket puppy
    scooter skateboard snowmobile soccer-ball swimming-pool tennis-ball truck trumpet umbrella violin volleyball"""

_MIN_SHARE = 0.4  # of a picture's captions have to name a thing that it shows


@dataclass(frozen=True)
class RealVectors:
    """Vectors `images` (N, D) and `texts` (Q, D), float32, unit rows; each image's `captions`, each text's name."""

    images: Matrix
    texts: Matrix
    captions: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "RealVectors":
        """Read a folder. Raises OSError, ValueError or KeyError where it does not hold one such pair of files."""
        (path,) = folder.glob("*.npz")
        with np.load(path, allow_pickle=False) as arrays:
            images, texts = (unit(arrays[name].astype(np.float32)) for name in ("image", "text"))
        data: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        captions = tuple(tuple(one["captions"]) for one in data["pictures"])
        names = tuple(text.removeprefix("a ").split(" (")[0] for text in data["texts"])
        return cls(images, texts, captions, names)

    @cached_property
    def absent(self) -> list[int]:
        """The rows of texts that no picture shows."""
        return [row for row in self._find_rows(ABSENT) if not self.mentioned[:, row].any()]

    @cached_property
    def present(self) -> list[int]:
        """The rows of specific texts that a picture shows."""
        return [row for row in self._find_rows(SPECIFIC) if self.shown[:, row].any()]

    @cached_property
    def mentioned(self) -> NDArray[np.bool_]:
        """Whether any caption of the picture holds the text's words, (N, Q) bool."""
        return self._share > 0

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """Whether at least two captions in five do, (N, Q) bool."""
        return self._share >= _MIN_SHARE

    @cached_property
    def _share(self) -> NDArray[np.float64]:
        words = [[set(analysis.analyse(caption)) for caption in captions] for captions in self.captions]
        names = [set(analysis.analyse(name)) for name in self.names]
        return np.array([[np.mean([name <= one for one in texts]) for name in names] for texts in words])

    def _find_rows(self, listed: str) -> list[int]:
        wanted = [name.replace("-", " ") for name in listed.split()]
        return [self.names.index(name) for name in wanted if name in self.names]
