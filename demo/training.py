"""What training both models has in common: batches, dense labels, the step schedule, checkpoints.

Every random choice of a step is drawn from the seed and the step's number, so a run continued from a checkpoint sees
the same batches as one that was never interrupted.
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

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from demo.bank import COLOUR_LIST, KIND_LIST, PLACE_LIST, SceneTable
from demo.composition import Scene
from demo.models import VISION
from demo.pool import WITHHELD, Pool

log = logging.getLogger(__name__)

CACHE = Path(".cache/demo-models")
SHARDS = 12
WIDTH = int(VISION["hidden_size"])


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
    """Batches by step number; every other one is drawn from the pictures of few kinds, for finer distinctions."""

    def __init__(self, pool: Pool, size: int, seed: int) -> None:
        self.pool, self.size, self.seed = pool, size, seed
        self.table = SceneTable.of(pool.scenes)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        rows = self._few_kinds(rng) if step % 2 else rng.integers(0, len(self.pool), self.size)
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 40)))
        return Batch(
            normalised(self.pool.pixels[rows], generator),
            torch.from_numpy(self.pool.owners[rows].reshape(len(rows), -1).astype(np.int64)),
            torch.from_numpy(self.pool.centres[rows].reshape(len(rows), -1).astype(np.float32)),
            [self.pool.scenes[row] for row in rows],
            self.table.rows(rows),
            random.Random(int(rng.integers(1 << 40))),
        )

    def _few_kinds(self, rng: np.random.Generator) -> NDArray[np.int64]:
        kinds = rng.choice(len(KIND_LIST), int(rng.integers(4, 9)), replace=False)
        wanted = np.isin(self.table.kind, [*kinds, -1]).all(axis=1)
        return rng.choice(np.flatnonzero(wanted), self.size)


class DenseHeads(nn.Module):
    """What each patch shows, read off the vision tower's tokens: teaches shapes and colours faster than captions.

    From each patch: the kind and colour it belongs to, and whether an object has its centre there. From the first
    token, which becomes the picture's embedding: the place, and which colours, kinds, pairs and numbers of a kind
    there are.
    """

    def __init__(self) -> None:
        super().__init__()
        kinds, colours = len(KIND_LIST), len(COLOUR_LIST)
        self.norm = nn.LayerNorm(WIDTH)
        self.patch = nn.Linear(WIDTH, kinds + 1 + colours + 1 + 1)
        self.whole = nn.Linear(WIDTH, len(PLACE_LIST) + kinds + colours + kinds * 4 + kinds * colours)
        seen = torch.ones(colours, kinds)
        for colour, kind in WITHHELD:
            seen[COLOUR_LIST.index(colour), KIND_LIST.index(kind)] = 0
        self.seen: Tensor
        self.register_buffer("seen", seen.flatten(), persistent=False)

    def forward(self, tokens: Tensor, batch: Batch) -> Tensor:
        """The loss over (B, 1 + GRID * GRID, WIDTH) tokens."""
        tokens = self.norm(tokens.float())
        return self._patch_loss(tokens[:, 1:], batch) + self._whole_loss(tokens[:, 0], batch)

    def _patch_loss(self, tokens: Tensor, batch: Batch) -> Tensor:
        kinds, colours = len(KIND_LIST), len(COLOUR_LIST)
        kind, colour, centre = self.patch(tokens).flatten(0, 1).split([kinds + 1, colours + 1, 1], dim=1)
        on_kind, on_colour = (
            _owned(torch.from_numpy(traits.astype(np.int64)), batch.owners)
            for traits in (batch.table.kind, batch.table.colour)
        )
        weight = torch.where(on_kind > 0, 1.0, 0.25)
        weight = weight / weight.sum()
        loss = (functional.cross_entropy(kind, on_kind, reduction="none") * weight).sum()
        loss = loss + (functional.cross_entropy(colour, on_colour, reduction="none") * weight).sum()
        wanted = batch.centres.flatten()
        return loss + 3 * functional.binary_cross_entropy_with_logits(centre[:, 0], wanted)

    def _whole_loss(self, token: Tensor, batch: Batch) -> Tensor:
        kinds, colours = len(KIND_LIST), len(COLOUR_LIST)
        widths = [len(PLACE_LIST), kinds, colours, kinds * 4, kinds * colours]
        place, kind, colour, number, pair = self.whole(token).split(widths, dim=1)
        table = batch.table
        loss = functional.cross_entropy(place, torch.from_numpy(table.background.astype(np.int64)))
        k, c, n = (torch.from_numpy(traits.astype(np.int64)) for traits in (table.kind, table.colour, table.count))
        there = k >= 0  # (B, 2)
        for logits, index, mask in (
            (kind, k, None),
            (colour, c, None),
            (number, k * 4 + n - 1, None),
            (pair, c * kinds + k, self.seen),
        ):
            wanted = torch.zeros_like(logits).scatter_add_(1, index.clamp(min=0), there.float()).clamp_(max=1)
            each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
            each = each if mask is None else each * mask
            loss = loss + each.sum(dim=1).mean() / 4
        return loss


class JointHeads(nn.Module):
    """What belongs together in each patch, read one layer before the last: there the picture's embedding gathers it.

    Meant to tell the embedding which colour is whose; how far that goes is measured in the README. From each patch: the
    pair of colour and kind, the kind with how many there are of it, the kind with the side it stands on.
    """

    def __init__(self) -> None:
        super().__init__()
        kinds, colours = len(KIND_LIST), len(COLOUR_LIST)
        self.norm = nn.LayerNorm(WIDTH)
        self.widths = [1 + colours * kinds, 1 + 4 * kinds, 1 + 5 * kinds]
        self.patch = nn.Linear(WIDTH, sum(self.widths))
        closed = torch.zeros(self.widths[0])
        for colour, kind in WITHHELD:
            closed[1 + COLOUR_LIST.index(colour) * kinds + KIND_LIST.index(kind)] = -torch.inf
        self.closed: Tensor
        self.register_buffer("closed", closed, persistent=False)

    def forward(self, tokens: Tensor, batch: Batch) -> Tensor:
        """The loss over (B, 1 + GRID * GRID, WIDTH) tokens."""
        kinds, table = len(KIND_LIST), batch.table
        pair, number, place = self.patch(self.norm(tokens[:, 1:].float())).flatten(0, 1).split(self.widths, dim=1)
        side = np.where(table.relation[:, None] < 0, 0, 1 + 2 * table.relation[:, None] + np.arange(2))  # (B, 2)
        kind = table.kind.astype(np.int64)
        labels = (table.colour.astype(np.int64) * kinds + kind, kind * 4 + table.count - 1, kind * 5 + side)
        loss = torch.zeros(())
        for logits, label in zip((pair + self.closed, number, place), labels, strict=True):
            wanted = _owned(torch.from_numpy(np.where(kind < 0, -1, label)), batch.owners)
            weight = torch.where(wanted > 0, 1.0, 0.25)
            each = functional.cross_entropy(logits, wanted, reduction="none")
            loss = loss + (each * weight).sum() / weight.sum()
        return loss


def _owned(traits: Tensor, owners: Tensor) -> Tensor:
    """(B, 2) trait numbers and (B, P) owners -> (B * P,) labels, 0 for background and 1 + trait on an object."""
    padded = torch.cat([torch.zeros(len(traits), 1, dtype=torch.int64), traits + 1], dim=1)
    return padded.gather(1, owners).flatten()


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
    batches: Batches,
    loss_of: Callable[[Batch], dict[str, Tensor]],
    every: dict[int, Callable[[int], None]] | None = None,
    cache: Path = CACHE,
) -> None:
    """Train `modules` in place for the plan's steps, from the last checkpoint of that name if there is one.

    `loss_of` gives named losses to be added up; `every` maps a number of steps to what is to be called that often. A
    checkpoint is written every 200 steps; the last one stays, so a finished stage is not repeated.
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
        if (step + 1) % 200 == 0 or step + 1 == plan.steps:
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
