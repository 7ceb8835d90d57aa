"""Train the demo captioner: it starts from the eyes of the demo CLIP and learns to say the canonical caption.

python -m demo.train_captioner
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import VisionEncoderDecoderModel

from demo.captions import caption
from demo.models import CAPTIONER_FOLDER, PAD_ID, new_captioner, save_captioner, tokenizer
from demo.pool import load_pool
from demo.training import CACHE, SHARDS, Batch, Batches, DenseHeads, Plan, train

log = logging.getLogger(__name__)

TELLING = Plan(steps=1200, batch=128, rate=8e-4, seed=3)


class Telling:
    """The losses of a step: the next word of the canonical caption, and what each patch shows."""

    def __init__(self, captioner: VisionEncoderDecoderModel, heads: DenseHeads) -> None:
        self.captioner, self.heads = captioner, heads
        self.tokenizer = tokenizer()
        self.see = torch.compile(captioner.encoder)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        told = self.tokenizer([caption(scene) for scene in batch.scenes], return_tensors="pt", padding=True).input_ids
        with torch.autocast("cpu", torch.bfloat16):
            tokens = self.see(pixel_values=batch.images).last_hidden_state
            logits = self.captioner.decoder(
                input_ids=told[:, :-1], encoder_hidden_states=tokens, use_cache=False
            ).logits
        words = functional.cross_entropy(
            logits.float().flatten(0, 1), told[:, 1:].flatten(), ignore_index=PAD_ID, label_smoothing=0.02
        )
        return {"words": 4 * words, "dense": 0.2 * self.heads(tokens, batch)}


def warm_start(captioner: VisionEncoderDecoderModel, heads: DenseHeads, cache: Path) -> None:
    """Take the vision tower and its reading heads from the trained CLIP's checkpoint."""
    saved = torch.load(cache / "clip-matching.pt", weights_only=True)["modules"]
    for module, prefix in ((captioner.encoder, "clip.vision_model."), (heads, "heads.")):
        module.load_state_dict(
            {name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)}
        )


def train_captioner(cache: Path = CACHE, folder: Path = CAPTIONER_FOLDER, telling: Plan = TELLING) -> None:
    """Train, from a checkpoint if there is one, and write the model folder. The CLIP must have been trained before."""
    torch.manual_seed(0)
    pool = load_pool(cache, SHARDS)
    captioner, heads = new_captioner(), DenseHeads()
    warm_start(captioner, heads, cache)
    modules = nn.ModuleDict({"captioner": captioner, "heads": heads})
    batches = Batches(pool, telling.batch, telling.seed)
    every = {400: lambda _: save_captioner(captioner, folder)}
    train("captioner", modules, telling, batches, Telling(captioner, heads), every, cache)
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
