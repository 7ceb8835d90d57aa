"""What is in a scene and where: plain values, drawn by `painting` and told by `captions`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, TypeAlias

from demo.scenes.backgrounds import BACKGROUNDS
from demo.scenes.object_kinds import KINDS
from demo.scenes.palette import COLOURS

Size: TypeAlias = Literal["small", "medium", "large"]
Relation: TypeAlias = Literal["left of", "above"]
RELATIONS: tuple[Relation, ...] = ("left of", "above")

# Diameter of one object as a share of the frame, by how many stand beside it.
ALONE: dict[Size, float] = {"small": 0.21, "medium": 0.34, "large": 0.54}
TOGETHER: dict[Size, float] = {"small": 0.19, "medium": 0.28, "large": 0.40}
IN_HALF_A_FRAME = {1: 0.32, 2: 0.27, 3: 0.25, 4: 0.22}


@dataclass(frozen=True)
class Group:
    """`count` like objects of one colour; `size` is only ever small or large in a scene with a single group."""

    kind: str
    colour: str
    count: int = 1
    size: Size = "medium"

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.colour not in COLOURS or self.count not in (1, 2, 3, 4):
            raise ValueError(f"cannot be drawn: {self}")


@dataclass(frozen=True)
class Scene:
    """One group, or two with the first left of or above the second; `seed` settles everything left open."""

    background: str
    groups: tuple[Group, ...]
    relation: Relation | None
    seed: int

    def __post_init__(self) -> None:
        if self.background not in BACKGROUNDS or (len(self.groups), self.relation is None) not in (
            (1, True),
            (2, False),
        ):
            raise ValueError(f"cannot be drawn: {self}")


@dataclass(frozen=True)
class Placed:
    """One object in the frame: centre and half-width as shares of the frame, tilt in degrees."""

    group: int
    x: float
    y: float
    half: float
    tilt: float
    flipped: bool


def random_scene(seed: int) -> Scene:
    """Draw a scene by lot; the same seed is the same scene, on any machine."""
    dice = random.Random(f"scene {seed}")
    background = dice.choice(list(BACKGROUNDS))
    kinds = dice.sample(list(KINDS), 2)
    colours = [dice.choice(list(COLOURS)) for _ in kinds]
    counts = dice.choices((1, 2, 3, 4), weights=(40, 24, 20, 16), k=2)
    if dice.random() < 0.5:
        size: Size = dice.choices(("small", "medium", "large"), weights=(25, 50, 25))[0]
        return Scene(background, (Group(kinds[0], colours[0], counts[0], size),), None, seed)
    groups = tuple(Group(*traits) for traits in zip(kinds, colours, counts, strict=True))
    return Scene(background, groups, dice.choice(RELATIONS), seed)


def layout(scene: Scene) -> list[Placed]:
    """Place every object: inside the frame, apart from each other, each group within its own half."""
    dice = random.Random(f"layout {scene.seed}")
    placed: list[Placed] = []
    for index, group in enumerate(scene.groups):
        if scene.relation is None:
            region = (0.0, 0.0, 1.0, 1.0)
            width = (ALONE if group.count == 1 else TOGETHER)[group.size]
        else:
            cut = (0.0, 0.485) if index == 0 else (0.515, 1.0)
            region = (cut[0], 0.0, cut[1], 1.0) if scene.relation == "left of" else (0.0, cut[0], 1.0, cut[1])
            width = IN_HALF_A_FRAME[group.count]
        half = width / 2 * dice.uniform(0.95, 1.05)
        centres, half = _spread(group.count, half, region, dice)
        for x, y in centres:
            placed.append(Placed(index, x, y, half, dice.uniform(-9, 9), dice.random() < 0.5))
    return placed


def _spread(
    count: int, half: float, region: tuple[float, float, float, float], dice: random.Random
) -> tuple[list[tuple[float, float]], float]:
    """`count` centres whose squares of side 2 x half neither touch nor leave the region; shrinks what cannot fit."""
    left, top, right, bottom = region
    for attempt in range(400):
        margin = half * 1.12
        centres: list[tuple[float, float]] = []
        for _ in range(12 * count):
            x, y = dice.uniform(left + margin, right - margin), dice.uniform(top + margin, bottom - margin)
            if all(max(abs(x - a), abs(y - b)) >= half * 2.12 for a, b in centres):
                centres.append((x, y))
            if len(centres) == count:
                return centres, half
        if attempt % 10 == 9:
            half *= 0.97
    raise AssertionError(f"no room for {count} objects of half-width {half} in {region}")
