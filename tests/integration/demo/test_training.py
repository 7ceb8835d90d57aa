"""The training command end to end, with a handful of pictures and steps: what it writes can be loaded and used."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from demo.evaluation.evaluate import encode_pictures, encode_texts, load_clip, write_captions
from demo.models import train_captioner, train_clip, training, training_pool
from demo.scenes.sample_library import draw, random_scene


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_pool, "SHARD", 48)
    for module in (train_clip, train_captioner):
        monkeypatch.setattr(module, "SHARDS", 2)
    monkeypatch.setattr(train_clip, "CAPTIONS", 8)
    monkeypatch.setattr(train_clip, "QUESTIONS", 24)
    monkeypatch.setattr(torch, "compile", lambda module: module)


@pytest.mark.soak
def test_training_writes_both_models_and_goes_on_where_it_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, clip, captioner = tmp_path / "cache", tmp_path / "clip", tmp_path / "captioner"
    sight = replace(train_clip.SEEING, steps=2, batch=8)
    words = replace(train_clip.WORDING, steps=2, batch=160)
    train_clip.train_clip(cache, clip, sight, words)
    train_captioner.train_captioner(cache, captioner, replace(train_captioner.TELLING, steps=2, batch=8))

    picture = draw(random_scene(1), 96)
    model = load_clip(clip)
    assert encode_pictures(model, [picture]).shape == encode_texts(model, ["a red car"]).shape == (1, 256)
    assert len(write_captions([picture], captioner)) == 1

    before = torch.load(cache / "clip-seeing.pt", weights_only=True)
    caplog.clear()
    train_clip.train_clip(cache, clip, replace(sight, steps=3), words)
    after = torch.load(cache / "clip-seeing.pt", weights_only=True)
    assert (before["step"], after["step"]) == (2, 3)
    assert "rendering" not in caplog.text


def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT", 2)
    plan = training.Plan(steps=6, batch=8, rate=0.1, seed=1, warm_up=2)

    def batch(step: int) -> torch.Tensor:
        return torch.randn(8, 4, generator=torch.Generator().manual_seed(step))

    def run(cache: Path, stop_at: int | None = None) -> torch.Tensor:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 1)
        asked = []

        def loss(rows: torch.Tensor) -> dict[str, torch.Tensor]:
            asked.append(rows)
            if len(asked) == stop_at:
                raise KeyboardInterrupt
            return {"loss": (layer(rows) - rows.sum(dim=1, keepdim=True)).square().mean()}

        training.train("small", torch.nn.ModuleDict({"layer": layer}), plan, batch, loss, cache=cache)
        return layer.weight.detach()

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    with pytest.raises(KeyboardInterrupt):
        run(parts, stop_at=6)
    assert torch.equal(run(parts), run(whole))
