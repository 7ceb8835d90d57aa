"""Train the demo captioner: it has the eyes of the demo CLIP and learns to say the canonical caption.

python -m demo.models.train_captioner
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import VisionEncoderDecoderModel

from demo.models.architectures import CAPTIONER_FOLDER, PAD_ID, new_captioner, save_captioner, tokenizer
from demo.models.training import CACHE, SHARDS, Plan, half_precision, looked_at, train
from demo.models.training_pool import Pool, load_pool
from demo.scenes.captions import caption

log = logging.getLogger(__name__)

TELLING = Plan(steps=2000, batch=128, rate=1e-3, seed=3)


class CaptionLoss:
    """The loss of the decoder alone, on pictures as the CLIP's finished vision tower sees them."""

    def __init__(self, captioner: VisionEncoderDecoderModel, pool: Pool, plan: Plan) -> None:
        self.captioner, self.plan = captioner, plan
        tower = torch.compile(captioner.encoder)
        self.tokens = looked_at(pool, lambda images: tower(pixel_values=images).last_hidden_state, plan.seed)
        captions = [caption(scene) for scene in pool.scenes]
        self.told = tokenizer()(captions, return_tensors="pt", padding=True).input_ids

    def rows(self, step: int) -> Tensor:
        """The numbers of a step's pictures, (batch,) int64."""
        rng = np.random.default_rng((self.plan.seed, step))
        return torch.from_numpy(rng.integers(0, len(self.told), self.plan.batch))

    def __call__(self, rows: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of the next word of the canonical captions."""
        told = self.told[rows]
        told = told[:, : int((told != PAD_ID).sum(dim=1).max())]
        with half_precision():
            seen = self.tokens[rows].float()
            logits = self.captioner.decoder(
                input_ids=told[:, :-1],
                attention_mask=(told[:, :-1] != PAD_ID).long(),
                encoder_hidden_states=seen,
                use_cache=False,
            ).logits
        words = functional.cross_entropy(
            logits.float().flatten(0, 1), told[:, 1:].flatten(), ignore_index=PAD_ID, label_smoothing=0.02
        )
        return {"words": words}


def train_captioner(cache: Path = CACHE, folder: Path = CAPTIONER_FOLDER, telling: Plan = TELLING) -> None:
    """Train, from a checkpoint if there is one, and write the model folder. The CLIP must have been trained before."""
    torch.manual_seed(0)
    pool = load_pool(cache, SHARDS)
    captioner = new_captioner()
    seeing = torch.load(cache / "clip-seeing.pt", weights_only=True)["modules"]
    prefix = "vision."
    captioner.encoder.load_state_dict(
        {name.removeprefix(prefix): value for name, value in seeing.items() if name.startswith(prefix)}
    )
    lesson = CaptionLoss(captioner, pool, telling)
    decoder = nn.ModuleDict({"decoder": captioner.decoder})
    train("captioner", decoder, telling, lesson.rows, lesson, cache=cache)
    save_captioner(captioner, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where rendered pictures and checkpoints are kept")
    parser.add_argument("--folder", type=Path, default=CAPTIONER_FOLDER, help="where the model is written")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train_captioner(asked.cache, asked.folder)


if __name__ == "__main__":
    main()
