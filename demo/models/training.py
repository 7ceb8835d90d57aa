"""What training both models has in common: batches, dense labels, the step schedule, checkpoints.

Every random choice of a step is drawn from the seed and the step's number. So a run continued from a checkpoint sees
the same batches as an uninterrupted one.
"""

from __future__ import annotations

import logging
import math
import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from demo.models.architectures import PROJECTION, VISION
from demo.models.training_pool import WITHHELD, Pool
from demo.scenes.composition import Scene
from demo.scenes.question_bank import COLOUR_LIST, KIND_LIST, PLACE_LIST, SIZE_LIST, SceneTable

log = logging.getLogger(__name__)

Drawn = TypeVar("Drawn")
CACHE = Path(".cache/demo-models")
SHARDS = 12
CHECKPOINT = 200  # steps
WIDTH = int(VISION["hidden_size"])
SIDES = 5  # alone, left, right, above, below


def half_precision() -> torch.autocast:
    """bfloat16 where this CPU computes in it, half the time of float32; elsewhere it would take ten times as long."""
    capable = torch.cpu.get_capabilities()
    there = bool(capable.get("avx512_bf16") or capable.get("amx_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=there)


def normalised(pixels: NDArray[np.uint8], generator: torch.Generator | None = None) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32 in [-1, 1]; with a generator, with changes of light and some noise."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    if generator is not None:
        gain = 1 + 0.05 * torch.randn(len(images), 1, 1, 1, generator=generator)
        shift = 0.04 * torch.randn(len(images), 3, 1, 1, generator=generator)
        images = images * gain + shift + 0.02 * torch.randn(images.shape, generator=generator)
    return images


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's pictures, with all that is known of them."""

    images: Tensor  # (B, 3, H, W) float32
    owners: Tensor  # (B, GRID * GRID) int64
    centres: Tensor  # (B, GRID * GRID) float32
    scenes: list[Scene]
    table: SceneTable
    dice: random.Random


class Batches:
    """Batches of pictures drawn by lot, by step number."""

    def __init__(self, pool: Pool, size: int, seed: int) -> None:
        self.pool, self.size, self.seed = pool, size, seed
        self.table = SceneTable.of(pool.scenes)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        rows = rng.integers(0, len(self.pool), self.size)
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 40)))
        return Batch(
            normalised(self.pool.pixels[rows], generator),
            torch.from_numpy(self.pool.owners[rows].reshape(len(rows), -1).astype(np.int64)),
            torch.from_numpy(self.pool.centres[rows].reshape(len(rows), -1).astype(np.float32)),
            [self.pool.scenes[row] for row in rows],
            self.table.rows(rows),
            random.Random(int(rng.integers(1 << 40))),
        )


def looked_at(pool: Pool, see: Callable[[Tensor], Tensor], seed: int) -> Tensor:
    """What a finished vision tower makes of every training picture, (N, …) float16: `see` gets (B, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    with torch.no_grad(), half_precision():
        for at in range(0, len(pool), 256):
            parts.append(see(normalised(pool.pixels[at : at + 256], generator)).half())
    return torch.cat(parts)


class Heads(nn.Module):
    """What each patch and the whole picture show, read off the vision tower: teaches it far faster than captions do.

    From each patch of the last layer: the kind and colour it belongs to, and whether an object has its centre there.
    From each patch one layer before, where the picture's embedding gathers it, what belongs together: the pair of
    colour and kind, the kind with how many there are of it, the kind with the side it stands on. From the embedding:
    the place, and which kinds, colours, pairs, numbers of a kind and sides of a kind there are, as cosines with one
    learned vector for each.
    """

    def __init__(self) -> None:
        super().__init__()
        kinds, colours = len(KIND_LIST), len(COLOUR_LIST)
        self.norm, self.inner_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.patch = nn.Linear(WIDTH, kinds + 1 + colours + 1 + 1)
        self.joint_widths = [1 + colours * kinds, 1 + 4 * kinds, 1 + SIDES * kinds]
        self.joint = nn.Linear(WIDTH, sum(self.joint_widths))
        self.whole_widths = [len(PLACE_LIST), kinds, colours, colours * kinds, 4 * kinds, SIDES * kinds, len(SIZE_LIST)]
        self.traits = nn.Parameter(torch.randn(sum(self.whole_widths), PROJECTION))
        self.offset = nn.Parameter(torch.full((sum(self.whole_widths),), -4.0))
        self.scale = nn.Parameter(torch.tensor(2.7))
        seen = torch.ones(colours, kinds)
        for colour, kind in WITHHELD:
            seen[COLOUR_LIST.index(colour), KIND_LIST.index(kind)] = 0
        self.seen: Tensor
        self.register_buffer("seen", seen.flatten(), persistent=False)

    def forward(self, inner: Tensor, last: Tensor, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The losses over two layers' (B, 1 + GRID * GRID, WIDTH) tokens and the (B, PROJECTION) pictures' vectors."""
        return {
            "patches": self._patch_loss(last[:, 1:], batch),
            "joint": self._joint_loss(inner[:, 1:], batch),
            "whole": self.whole(images, batch),
        }

    def _patch_loss(self, tokens: Tensor, batch: Batch) -> Tensor:
        kinds, colours = len(KIND_LIST), len(COLOUR_LIST)
        read = _read(self.norm, self.patch, tokens)
        kind, colour, centre = torch.split(read, [kinds + 1, colours + 1, 1], dim=1)
        centre_loss = functional.binary_cross_entropy_with_logits(centre[:, 0], batch.centres.flatten())
        table = batch.table
        return _patches(kind, table.kind, batch) + _patches(colour, table.colour, batch) + 3 * centre_loss

    def _joint_loss(self, tokens: Tensor, batch: Batch) -> Tensor:
        pair, number, side = torch.split(_read(self.inner_norm, self.joint, tokens), self.joint_widths, dim=1)
        closed = functional.pad(torch.where(self.seen > 0, 0.0, -torch.inf), (1, 0))
        of = Traits.of(batch.table)
        return (
            _patches(pair + closed, of.pair, batch)
            + _patches(number, of.number, batch)
            + _patches(side, of.side, batch)
        )

    def odds(self, images: Tensor) -> tuple[Tensor, ...]:
        """The odds of each trait, (B, number of them): place, kind, colour, pair, number, side, size."""
        cosines = images @ functional.normalize(self.traits, dim=1).T
        return torch.split(cosines * self.scale.exp() + self.offset, self.whole_widths, dim=1)

    def whole(self, images: Tensor, batch: Batch) -> Tensor:
        """The loss over the pictures' unit vectors alone."""
        place, kind, colour, pair, number, side, size = self.odds(images)
        table, of = batch.table, Traits.of(batch.table)
        loss = functional.cross_entropy(place, torch.from_numpy(table.background.astype(np.int64)))
        for weight, odds, traits, mask in (
            (0.25, kind, table.kind, None),
            (0.25, colour, table.colour, None),
            (0.5, pair, of.pair, self.seen),
            (1.0, number, of.number, None),
            (0.5, side, of.side, None),
        ):
            index = torch.from_numpy(traits.astype(np.int64))  # (B, 2)
            wanted = torch.zeros_like(odds).scatter_add_(1, index.clamp(min=0), (index >= 0).float()).clamp_(max=1)
            each = functional.binary_cross_entropy_with_logits(odds, wanted, reduction="none")
            each = each if mask is None else each * mask
            loss = loss + weight * each.sum(dim=1).mean()
        alone = torch.from_numpy(np.flatnonzero(table.relation < 0))
        sizes = torch.from_numpy(table.size[:, 0].astype(np.int64))
        return loss + 0.25 * functional.cross_entropy(size[alone], sizes[alone])


@dataclass(frozen=True, eq=False)
class Traits:
    """Numbers for what belongs together in a group, each (N, 2) int64, -1 where there is no second group."""

    pair: NDArray[np.int64]
    number: NDArray[np.int64]
    side: NDArray[np.int64]

    @classmethod
    def of(cls, table: SceneTable) -> Traits:
        kind = table.kind.astype(np.int64)
        side = np.where(table.relation[:, None] < 0, 0, 1 + 2 * table.relation[:, None] + np.arange(2))
        traits = (
            table.colour.astype(np.int64) * len(KIND_LIST) + kind,
            kind * 4 + table.count - 1,
            kind * SIDES + side,
        )
        return cls(*(np.where(kind < 0, -1, trait) for trait in traits))


def _read(norm: nn.LayerNorm, head: nn.Linear, tokens: Tensor) -> Tensor:
    """(B, P, WIDTH) tokens -> (B * P, outputs) float32."""
    with half_precision():
        read: Tensor = head(norm(tokens).flatten(0, 1))
    return read.float()


def _patches(odds: Tensor, traits: NDArray[np.integer[Any]], batch: Batch) -> Tensor:
    """Cross-entropy of (B * P, 1 + traits) odds, 0 for background, an object's patches counting four times as much."""
    traits_of = torch.from_numpy(traits.astype(np.int64))
    padded = torch.cat([torch.zeros(len(traits_of), 1, dtype=torch.int64), traits_of + 1], dim=1)
    wanted = padded.gather(1, batch.owners).flatten()
    weight = torch.where(wanted > 0, 1.0, 0.25)
    return (functional.cross_entropy(odds, wanted, reduction="none") * weight).sum() / weight.sum()


@dataclass(frozen=True)
class Plan:
    """How long and how fast: `steps` optimiser steps, the rate rising over `warm_up` and falling as a cosine to a tenth
    of a percent of its peak."""

    steps: int
    batch: int
    rate: float
    seed: int
    warm_up: int = 200

    def share(self, step: int) -> float:
        """The share of the peak rate at this step."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        through = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return max(0.001, 0.5 * (1 + math.cos(math.pi * through)))


def adamw(modules: Iterable[nn.Module], rate: float) -> torch.optim.AdamW:
    """AdamW that decays matrices but neither biases, norms nor scales."""
    seen = [value for module in modules for value in module.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in seen if value.ndim > 1], "weight_decay": 0.05},
        {"params": [value for value in seen if value.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6, fused=True)


def train(
    name: str,
    modules: nn.ModuleDict,
    plan: Plan,
    batches: Callable[[int], Drawn],
    loss_of: Callable[[Drawn], dict[str, Tensor]],
    every: dict[int, Callable[[int], None]] | None = None,
    cache: Path = CACHE,
) -> None:
    """Train `modules` in place for the plan's steps, from the last checkpoint of that name if there is one.

    `loss_of` gives named losses to be added up; `every` maps a number of steps to what is to be called that often. A
    checkpoint is written every CHECKPOINT steps; the last one stays, so a finished stage is not repeated.
    """
    path = cache / f"{name}.pt"
    optimiser = adamw(modules.values(), plan.rate)
    first = 0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        modules.load_state_dict(saved["modules"])
        first = saved["step"]
        if first < plan.steps:
            optimiser.load_state_dict(saved["optimiser"])
    modules.train()
    start, done, sums = time.monotonic(), 0, dict[str, float]()
    for step in range(first, plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * plan.share(step)
        losses = loss_of(batches(step))
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        done += 1
        for part, loss in losses.items():
            sums[part] = sums.get(part, 0.0) + loss.item()
        if done % 50 == 0:
            told = "  ".join(f"{part} {total / 50:.3f}" for part, total in sums.items())
            speed = done * plan.batch / (time.monotonic() - start)
            log.info("%s %d/%d  %s  %.0f pictures/s", name, step + 1, plan.steps, told, speed)
            sums.clear()
        if (step + 1) % CHECKPOINT == 0 or step + 1 == plan.steps:
            _save(path, modules, optimiser, step + 1)
        for period, call in (every or {}).items():
            if (step + 1) % period == 0:
                modules.eval()
                call(step + 1)
                modules.train()
    modules.eval()


def _save(path: Path, modules: nn.ModuleDict, optimiser: torch.optim.Optimizer, step: int) -> None:
    fresh = path.with_suffix(".part")
    torch.save({"step": step, "modules": modules.state_dict(), "optimiser": optimiser.state_dict()}, fresh)
    os.replace(fresh, path)
