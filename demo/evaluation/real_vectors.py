"""Real CLIP vectors of photographs, of texts, and what people wrote of the photographs: for measuring, where they are.

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

_MOST_SAY = 0.4  # of a picture's captions have to name a thing that it shows


@dataclass(frozen=True)
class RealVectors:
    """`images` (N, D) and `texts` (Q, D), float32, unit rows; `captions` of each image; `names` of each text."""

    images: Matrix
    texts: Matrix
    captions: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "RealVectors":
        """Raises OSError, ValueError and KeyError where the folder does not hold one such pair of files."""
        (path,) = folder.glob("*.npz")
        with np.load(path, allow_pickle=False) as held:
            images, texts = (unit(held[name].astype(np.float32)) for name in ("image", "text"))
        told: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        captions = tuple(tuple(one["captions"]) for one in told["pictures"])
        names = tuple(text.removeprefix("a ").split(" (")[0] for text in told["texts"])
        return cls(images, texts, captions, names)

    @cached_property
    def absent(self) -> list[int]:
        """Texts that no picture shows."""
        return [row for row in self._rows(ABSENT) if not self.mentioned[:, row].any()]

    @cached_property
    def present(self) -> list[int]:
        """Specific texts that a picture shows."""
        return [row for row in self._rows(SPECIFIC) if self.shown[:, row].any()]

    @cached_property
    def mentioned(self) -> NDArray[np.bool_]:
        """(N, Q): whether any caption of the picture holds the text's words."""
        return self._share > 0

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """(N, Q): whether two captions in five do."""
        return self._share >= _MOST_SAY

    @cached_property
    def _share(self) -> NDArray[np.float64]:
        said = [[set(analysis.analyse(caption)) for caption in captions] for captions in self.captions]
        asked = [set(analysis.analyse(name)) for name in self.names]
        return np.array([[np.mean([name <= one for one in texts]) for name in asked] for texts in said])

    def _rows(self, listed: str) -> list[int]:
        wanted = [name.replace("-", " ") for name in listed.split()]
        return [self.names.index(name) for name in wanted if name in self.names]
