"""Train the classifier of scripts on drawn lines, and say what it keeps and leaves out.

    python -m demo.evaluation.reading.train_script_probe [--lines 6000] [--into FILE]

It takes fonts for all those scripts: on Debian fonts-noto-core, fonts-noto-cjk, fonts-liberation, fonts-freefont-ttf
and fonts-urw-base35. One line in five is kept back, and judged by what was learnt of the others.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rapidocr
import torch
from numpy.typing import NDArray

from core.adapters.text_reading.line_recognizer import LineRecognizer
from demo.evaluation.reading.drawing import choose_colours, degrade, draw_line
from demo.evaluation.reading.fonts import choose_font
from demo.evaluation.reading.words import FOREIGN, READABLE, make_line, make_number

_SIZES = (14, 16, 20, 24, 32, 40, 48, 64)
_SHARES = {"Latin": 26, "Chinese": 5, "Japanese": 5, "Cyrillic": 12, "Greek": 9, "Korean": 4, "Arabic": 4, "Hebrew": 4}
_SHARES |= {"Thai": 4, "Devanagari": 3, "Armenian": 4, "Georgian": 4}  # the others: 1.5
_HIDDEN = 32
_EPOCHS = 12


@dataclass(frozen=True)
class DrawnLine:
    """A drawn line: its script, its text, what was read, how sure, and the features of its letters, (N, 120)."""

    script: str
    text: str
    read: str
    score: float
    features: NDArray[np.float32]


def draw_lines(rng: random.Random, count: int) -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    """Draw lines of every script, and numbers as Latin: script, text, (H, W, 3) uint8 BGR."""
    languages = {**READABLE, **FOREIGN}
    weights = [_SHARES.get(script, 1.5) for script in languages]
    while count:
        script = rng.choices(list(languages), weights)[0]
        language = rng.choice(languages[script])
        text = make_number(rng) if script == "Latin" and rng.random() < 0.2 else make_line(rng, language, script, 3)
        font = choose_font(rng, text, rng.choice(_SIZES), language)
        if font is None:
            continue
        line = draw_line(rng, text, font, choose_colours(rng, 60))
        if line.width < 14 * line.height:
            count -= 1
            yield script, text, np.ascontiguousarray(np.asarray(degrade(rng, line))[:, :, ::-1])


def read_lines(count: int, seed: int) -> list[DrawnLine]:
    """Draw and recognise lines. Digits are left out: they tell no script."""
    model = next(Path(rapidocr.__file__).parent.glob("models/*_rec_*.onnx"))
    recognizer = LineRecognizer(model, 1)
    lines = []
    for number, (script, text, pixels) in enumerate(draw_lines(random.Random(seed), count)):
        found = recognizer.recognize([pixels])[0]
        if script in READABLE:
            chosen = np.ones(len(found.letters), bool)
        else:
            chosen = np.array([not letter.isdigit() for letter in found.letters], bool)
        lines.append(DrawnLine(script, text, found.text, found.score, found.features[chosen]))
        if number % 500 == 0:
            sys.stdout.write(f"{number:,} lines\n")
    return lines


def train(lines: list[DrawnLine]) -> dict[str, NDArray[np.float32]]:
    """Train the perceptron. Every line weighs the same, however many letters it has."""
    torch.manual_seed(0)
    lines = [line for line in lines if len(line.features)]
    features = np.concatenate([line.features for line in lines])  # (N, 120)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = torch.tensor((features - mean) / spread)
    y = torch.tensor(
        np.concatenate([np.full(len(line.features), line.script in FOREIGN, np.float32) for line in lines])
    )
    weight = torch.tensor(np.concatenate([np.full(len(line.features), 1 / len(line.features)) for line in lines]))
    weight /= weight.mean()
    first, second = torch.nn.Linear(x.shape[1], _HIDDEN), torch.nn.Linear(_HIDDEN, 1)
    optimizer = torch.optim.AdamW([*first.parameters(), *second.parameters()], lr=3e-3, weight_decay=1e-2)
    for _ in range(_EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(order), 1024):
            chosen = order[start : start + 1024]
            odds = second(torch.relu(first(x[chosen])))[:, 0]
            losses = torch.nn.functional.binary_cross_entropy_with_logits(odds, y[chosen], reduction="none")
            optimizer.zero_grad()
            torch.autograd.backward((losses * weight[chosen]).mean())
            optimizer.step()
    inner = first.weight.detach().numpy() / spread  # the normalisation becomes part of the first layer
    return {
        "first": inner.T.astype(np.float32),
        "first_bias": (first.bias.detach().numpy() - inner @ mean).astype(np.float32),
        "second": second.weight.detach().numpy()[0],
        "second_bias": second.bias.detach().numpy()[0],
    }


def report(lines: list[DrawnLine], weights: dict[str, NDArray[np.float32]]) -> None:
    """Print what becomes of lines that were read with a good score."""
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        row = table[line.script]
        row[0] += 1
        if line.score >= 0.85 and len(line.features):
            row[1] += 1
            hidden = np.maximum(line.features @ weights["first"] + weights["first_bias"], 0)
            foreign = bool((hidden @ weights["second"] + weights["second_bias"]).mean() > 0)
            row[2] += int(foreign)
            if foreign is (line.script in READABLE):
                sys.stdout.write(f"  {line.script}: {line.text!r} read as {line.read!r}\n")
    sys.stdout.write("script        lines  score ≥ 0.85  of those called foreign\n")
    for script, (count, good, left_out) in sorted(table.items()):
        sys.stdout.write(f"{script:12} {count:6} {good:13} {left_out:23}\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=6000)
    parser.add_argument("--into", type=Path, default=Path("core/adapters/text_reading/script_probe.npz"))
    given = parser.parse_args()
    lines = read_lines(given.lines, seed=1)
    kept_back, others = lines[::5], [line for number, line in enumerate(lines) if number % 5]
    report(kept_back, train(others))
    np.savez(given.into, **train(lines))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
