"""Train the demo CLIP: the vision tower on what each patch shows, then both towers on captions and questions.

The last stage takes up matching again, and has every patch tell what belongs together in it.

python -m demo.train_clip
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel, CLIPVisionModel

from demo.bank import caption_bank, question_bank
from demo.models import CLIP_FOLDER, new_clip, save_clip, tokenizer
from demo.pool import load_pool
from demo.training import CACHE, SHARDS, Batch, Batches, DenseHeads, JointHeads, Plan, train

log = logging.getLogger(__name__)

SEEING = Plan(steps=2400, batch=128, rate=1e-3, seed=1)
MATCHING = Plan(steps=2400, batch=128, rate=8e-4, seed=2)
REFINING = Plan(steps=1400, batch=128, rate=8e-4, seed=4)


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


class Matching:
    """The losses of both towers: `questions` are asked a step, `dense` weighs the loss of the heads."""

    def __init__(
        self,
        clip: CLIPModel,
        heads: DenseHeads,
        joint: JointHeads | None,
        thresholds: Thresholds,
        questions: int,
        dense: float,
    ) -> None:
        self.clip, self.heads, self.joint, self.thresholds = clip, heads, joint, thresholds
        self.questions, self.dense = questions, dense
        self.tokenizer = tokenizer()
        self.see = torch.compile(vision_tokens)

    def texts(self, texts: list[str]) -> Tensor:
        """Unit vectors (len(texts), 256) float32."""
        tokens = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        with torch.autocast("cpu", torch.bfloat16):
            vectors = self.clip.get_text_features(**tokens).pooler_output
        return functional.normalize(vectors.float(), dim=1)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        vision = self.clip.vision_model
        with torch.autocast("cpu", torch.bfloat16):
            inner, tokens = self.see(vision, batch.images)
        dense = self.heads(tokens, batch)
        if self.joint is not None:
            dense = dense + self.joint(inner, batch)
        pooled = vision.post_layernorm(tokens[:, 0].float())
        images = functional.normalize(self.clip.visual_projection(pooled), dim=1)
        captions = caption_bank(batch.scenes, batch.table, batch.dice)
        questions = question_bank(batch.scenes, batch.table, self.questions, batch.dice)
        cosines = images @ torch.cat([self.texts(captions.texts), self.texts(questions.texts)]).T  # (B, B + Q)
        right = torch.from_numpy(np.concatenate([captions.right, questions.right], axis=1))
        scores = cosines * self.clip.logit_scale.exp().clamp(max=60)
        cut = len(captions.texts)
        return {
            "captions": 0.5 * ranking_loss(scores[:, :cut].T, right[:, :cut].T)
            + 0.5 * ranking_loss(scores[:, :cut], right[:, :cut]),
            "questions": ranking_loss(scores[:, cut:].T, right[:, cut:].T)
            + 0.5 * ranking_loss(scores[:, cut:], right[:, cut:]),
            "match": matching_loss(self.thresholds(cosines), right),
            "dense": self.dense * dense,
        }


def train_clip(
    cache: Path = CACHE,
    folder: Path = CLIP_FOLDER,
    seeing: Plan = SEEING,
    matching: Plan = MATCHING,
    refining: Plan = REFINING,
) -> None:
    """Train all stages, from checkpoints where there are any, and write the model folder."""
    torch.manual_seed(0)
    pool = load_pool(cache, SHARDS)
    clip, heads, thresholds = new_clip(), DenseHeads(), Thresholds()
    see = torch.compile(clip.vision_model)

    def seeing_loss(batch: Batch) -> dict[str, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            tokens = see(pixel_values=batch.images).last_hidden_state  # type: ignore[no-untyped-call]
        return {"dense": heads(tokens, batch)}

    sight = nn.ModuleDict({"vision": clip.vision_model, "heads": heads})
    train("clip-seeing", sight, seeing, Batches(pool, seeing.batch, seeing.seed), seeing_loss, cache=cache)
    modules = nn.ModuleDict({"clip": clip, "heads": heads, "thresholds": thresholds})
    every = {400: lambda _: save_clip(clip, folder)}
    losses = Matching(clip, heads, None, thresholds, questions=256, dense=0.3)
    train("clip-matching", modules, matching, Batches(pool, matching.batch, matching.seed), losses, every, cache)
    modules["joint"] = joint = JointHeads()
    losses = Matching(clip, heads, joint, thresholds, questions=160, dense=1.0)
    train("clip-refining", modules, refining, Batches(pool, refining.batch, refining.seed), losses, every, cache)
    log.info("cosine at even odds: %.3f", -float(thresholds.offset / thresholds.scale.exp()))
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
