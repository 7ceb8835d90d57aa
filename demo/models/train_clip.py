"""Train the demo CLIP: the vision tower on what patches and pictures show, then the text tower to ask for it.

Pictures teach slowly and texts quickly. So the vision tower is finished first, and its vectors of all training pictures
are kept. Every text can then be ranked against thousands of them at once, near misses among them.

    python -m demo.models.train_clip
"""

from __future__ import annotations

import argparse
import logging
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel, CLIPVisionModel

from demo.models.architectures import CLIP_FOLDER, new_clip, save_clip, tokenizer
from demo.models.training import CACHE, SHARDS, Batch, Batches, Heads, Plan, half_precision, looked_at, train
from demo.models.training_pool import Pool, load_pool
from demo.scenes.composition import Scene
from demo.scenes.question_bank import SceneTable, caption_bank, question_bank

log = logging.getLogger(__name__)

SEEING = Plan(steps=4800, batch=128, rate=1e-3, seed=1)
WORDING = Plan(steps=1800, batch=2048, rate=1e-3, seed=2)
CAPTIONS, QUESTIONS = 96, 416  # texts a step of wording


class Thresholds(nn.Module):
    """The scale and offset that turn a cosine into the odds of a match, learned beside the towers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.7))
        self.offset = nn.Parameter(torch.tensor(-6.0))

    def forward(self, cosines: Tensor) -> Tensor:
        return cosines * self.scale.exp() + self.offset


def ranking_loss(scores: Tensor, right: Tensor) -> Tensor:
    """How far right answers fail to stand above wrong ones, row by row.

    For (R, C) scores and a boolean matrix of right answers: the mean, over right answers, of the cross-entropy of each
    against all the wrong ones of its row. Rows without a right or without a wrong answer count nothing.
    """
    wrong = torch.where(right, -torch.inf, scores).logsumexp(dim=1, keepdim=True)  # (R, 1)
    losses = functional.softplus(wrong - scores) * right
    rows = right.sum(dim=1)
    return (losses.sum(dim=1) / rows.clamp(min=1)).sum() / (rows > 0).sum().clamp(min=1)


def matching_loss(odds: Tensor, right: Tensor) -> Tensor:
    """Binary cross-entropy of match against no match, with right and wrong answers of equal weight in all."""
    losses = functional.binary_cross_entropy_with_logits(odds, right.float(), reduction="none")
    return 0.5 * (losses[right].mean() + losses[~right].mean())


def vision_tokens(vision: CLIPVisionModel, images: Tensor) -> tuple[Tensor, Tensor]:
    """The tower's tokens before and after its last layer, both (B, 1 + patches, width)."""
    tokens = vision.pre_layrnorm(vision.embeddings(images))
    inner = tokens
    for layer in vision.encoder.layers:
        inner, tokens = tokens, layer(tokens, attention_mask=None)
    return inner, tokens


def picture_vectors(clip: CLIPModel, tokens: Tensor) -> Tensor:
    """The last layer's tokens -> unit vectors (B, PROJECTION) float32."""
    pooled = clip.vision_model.post_layernorm(tokens[:, 0].float())
    return functional.normalize(clip.visual_projection(pooled), dim=1)


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures as the vision tower pools them, (N, WIDTH) float32, with all that is known of them."""

    seen: Tensor
    scenes: list[Scene]
    table: SceneTable
    dice: random.Random


class Seeing:
    """The losses of the vision tower alone: what each patch and the whole picture show."""

    def __init__(self, clip: CLIPModel, heads: Heads) -> None:
        self.clip, self.heads = clip, heads
        self.see = torch.compile(vision_tokens)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        with half_precision():
            inner, tokens = self.see(self.clip.vision_model, batch.images)
        losses: dict[str, Tensor] = self.heads(inner, tokens, picture_vectors(self.clip, tokens), batch)
        return losses


class Looked:
    """Every training picture as the finished vision tower sees it, so that texts can be ranked against many at once."""

    def __init__(self, clip: CLIPModel, pool: Pool, size: int, seed: int) -> None:
        self.scenes, self.table, self.size, self.seed = pool.scenes, SceneTable.of(pool.scenes), size, seed
        vision, tower = clip.vision_model, torch.compile(vision_tokens)

        def see(images: Tensor) -> Tensor:
            pooled: Tensor = vision.post_layernorm(tower(vision, images)[1][:, 0].float())
            return pooled

        self.seen = looked_at(pool, see, seed)

    def __call__(self, step: int) -> Gallery:
        rng = np.random.default_rng((self.seed, step))
        rows = rng.integers(0, len(self.scenes), self.size)
        seen = self.seen[torch.from_numpy(rows)].float()
        scenes = [self.scenes[row] for row in rows]
        return Gallery(seen, scenes, self.table.rows(rows), random.Random(int(rng.integers(1 << 40))))


class Wording:
    """The losses of the text tower: captions and short questions ranked against a gallery, and match against none."""

    def __init__(self, clip: CLIPModel, thresholds: Thresholds) -> None:
        self.clip, self.thresholds = clip, thresholds
        self.tokenizer = tokenizer()

    def texts(self, texts: list[str]) -> Tensor:
        """Unit vectors (len(texts), PROJECTION) float32; short and long texts apart, for the sake of less padding."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        found = torch.empty(0)
        for part in np.array_split(order, 4):
            tokens = self.tokenizer([texts[at] for at in part], return_tensors="pt", padding=True, truncation=True)
            with half_precision():
                vectors = self.clip.get_text_features(**tokens).pooler_output
            found = torch.cat([found, vectors.float()])
        return functional.normalize(found[torch.from_numpy(np.argsort(order))], dim=1)

    def __call__(self, gallery: Gallery) -> dict[str, Tensor]:
        images = functional.normalize(self.clip.visual_projection(gallery.seen), dim=1)
        captions = caption_bank(gallery.scenes[:CAPTIONS], gallery.table, gallery.dice)
        questions = question_bank(gallery.scenes, gallery.table, QUESTIONS, gallery.dice)
        cosines = images @ self.texts(captions.texts + questions.texts).T
        right = torch.from_numpy(np.concatenate([captions.right, questions.right], axis=1))
        scores = cosines * self.clip.logit_scale.exp().clamp(max=60)
        cut = CAPTIONS
        return {
            "captions": 0.5 * ranking_loss(scores[:, :cut].T, right[:, :cut].T)
            + 0.5 * ranking_loss(scores[:cut, :cut], right[:cut, :cut]),
            "questions": ranking_loss(scores[:, cut:].T, right[:, cut:].T)
            + 0.5 * ranking_loss(scores[:, cut:], right[:, cut:]),
            "match": matching_loss(self.thresholds(cosines), right),
        }


def train_clip(cache: Path = CACHE, folder: Path = CLIP_FOLDER, seeing: Plan = SEEING, wording: Plan = WORDING) -> None:
    """Train both stages, from checkpoints where there are any, and write the model folder."""
    torch.manual_seed(0)
    pool = load_pool(cache, SHARDS)
    clip, heads, thresholds = new_clip(), Heads(), Thresholds()
    sight = nn.ModuleDict({"vision": clip.vision_model, "projection": clip.visual_projection, "heads": heads})
    train("clip-seeing", sight, seeing, Batches(pool, seeing.batch, seeing.seed), Seeing(clip, heads), cache=cache)
    clip.vision_model.requires_grad_(False)
    modules = nn.ModuleDict({"clip": clip, "thresholds": thresholds})
    looked = Looked(clip, pool, wording.batch, wording.seed)
    train("clip-wording", modules, wording, looked, Wording(clip, thresholds), cache=cache)
    log.info("cosine at even odds: %.3f", -(thresholds.offset / thresholds.scale.exp()).item())
    save_clip(clip, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where rendered pictures and checkpoints are kept")
    parser.add_argument("--folder", type=Path, default=CLIP_FOLDER, help="where the model is written")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train_clip(asked.cache, asked.folder)


if __name__ == "__main__":
    main()
