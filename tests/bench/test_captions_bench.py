"""Captions of a random model of vit-gpt2's size: CPU seconds a picture, beside `generate` of transformers in float32.

BENCH_CAPTION_PICTURES, BENCH_CAPTION_DEPTH and BENCH_CAPTION_WIDTH make it smaller.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.adapters.models.captioners.vision_captioner import VisionCaptioner, load_captioner
from tests.support.benchmark import Row, in_turn, record, time_cpu
from tests.support.models.real_size_captioner import TOKENS, make_real_size_captioner

pytestmark = pytest.mark.bench

PICTURES = int(os.environ.get("BENCH_CAPTION_PICTURES", "32"))
DEPTH = int(os.environ.get("BENCH_CAPTION_DEPTH", "12"))
WIDTH = int(os.environ.get("BENCH_CAPTION_WIDTH", "768"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_real_size_captioner(tmp_path_factory.mktemp("models") / "vit-gpt2", depth=DEPTH, width=WIDTH)


@pytest.mark.parametrize(("precision", "limit"), [("full", "1.5 ×"), ("int8", "2 ×")])
def test_captions(folder: Path, precision: str, limit: str) -> None:
    captioner = load_captioner(str(folder), device="cpu", precision=precision)  # type: ignore[arg-type]
    assert isinstance(captioner, VisionCaptioner)
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, 224, 224, 3), np.uint8)
    generate = _make_plain(folder, captioner, pixels)
    ours, theirs = in_turn(
        lambda: 1000 * time_cpu(lambda: captioner.caption(pixels)) / PICTURES,
        lambda: 1000 * time_cpu(generate) / PICTURES,
    )
    work = f"ViT-GPT2, {TOKENS} tokens, batch of {PICTURES}, CPU a picture, {precision} precision"
    record(Row("captions", work, "ms", ours, "transformers, float32", theirs, limit))


def _make_plain(folder: Path, captioner: VisionCaptioner, pixels: np.ndarray) -> Callable[[], object]:
    """Make a call that captions as transformers does, its pixels prepared before."""
    from transformers import VisionEncoderDecoderModel

    model = VisionEncoderDecoderModel.from_pretrained(folder, dtype=torch.float32).eval()
    values = captioner._writer.pixels.to_tensor(pixels, torch.device("cpu"), torch.float32)

    def generate() -> object:
        with torch.inference_mode():
            tokens = model.generate(pixel_values=values)
        return captioner._tokenizer.batch_decode(tokens, skip_special_tokens=True)

    return generate
