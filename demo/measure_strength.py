"""Measure how well strengths part what a library holds from what was taken out of it, on scenes never trained on.

    python -m demo.measure_strength [--pictures 2000] [--each 60]

A question is asked of the library, then of the library without the scenes that answer it: first its concept is
present, then absent. The formulas that are compared all see the same ten nearest pictures. What is a matter of order
("a car left of a star") is left out: the demo CLIP does not tell it (demo/README.md).
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core import strength
from core.ports import Encoder
from core.settings import DEMO, load_settings
from core.vectors import Matrix
from core.wiring import Wiring
from demo.bank import SceneTable, with_strange_word
from demo.captions import SHORT, short_question, worded
from demo.composition import Scene
from demo.evaluate import encode_pictures, load_clip
from demo.pool import evaluation_scenes, thumbnail

Formula = Callable[[Matrix, Matrix, Matrix], NDArray[np.floating]]

SORTS = [sort for sort in SHORT if sort != "relation"]
TOP = 10


@dataclass(frozen=True, slots=True)
class Parting:
    """Of one formula: area under the ROC curve, and the shares of answers that its threshold calls none."""

    name: str
    area: float
    none_of_absent: float
    none_of_present: float


@dataclass(frozen=True, slots=True)
class Measured:
    questions: int
    formulas: tuple[Parting, ...]
    strange: int
    strange_strong: float
    query_pictures: Parting


def measure(count: int, each: int, seed: str = "strength") -> Measured:
    """`each` questions of every sort about `count` held-out pictures."""
    dice = random.Random(seed)
    scenes = evaluation_scenes(count)
    vectors = encode_pictures(load_clip(), [Image.fromarray(thumbnail(scene)) for scene in scenes])
    with TemporaryDirectory() as nowhere, Wiring(load_settings(data=Path(nowhere), model=DEMO, device="cpu")) as wiring:
        encoder = wiring.encoder
    bank = strength.encode_bank(encoder)
    asked = [short_question(dice.choice(_answering(scenes, sort)), sort, dice) for sort in SORTS for _ in range(each)]
    texts = [worded(question, dice) for question in asked]
    answers = SceneTable.of(scenes).answers(asked).T  # (Q, N)
    present, absent = _nearest(encoder, texts, vectors, answers)
    partings = [_parting(name, one, present, absent, vectors, bank) for name, one in FORMULAS.items()]
    strange = [text for text in (with_strange_word(text, dice) for text in texts) if text]
    rows = encoder.encode_texts(strange).vectors
    best = [_best(_strength, row, vectors[np.argsort(-(vectors @ row))[:TOP]], bank) for row in rows]
    strong = float(np.mean(np.array(best) >= strength.STRONG))
    return Measured(len(asked), tuple(partings), len(strange), strong, _pictures(scenes, vectors))


def _pictures(scenes: Sequence[Scene], vectors: Matrix) -> Parting:
    """A fifth of the pictures asked of the others, and of those of them without the kind of object that they show."""
    rows = [row for row, scene in enumerate(scenes) if row % 5 == 0 and len(scene.groups) == 1]
    library = np.array([row for row in range(len(scenes)) if row % 5])
    kinds = [{group.kind for group in scene.groups} for scene in scenes]
    there: list[float] = []
    gone: list[float] = []
    for row in rows:
        without = np.array([other for other in library if not kinds[row] & kinds[other]])
        for held, found in ((library, there), (without, gone)):
            nearest = held[np.argsort(-(vectors[held] @ vectors[row]))[:TOP]]
            one = strength.of_picture(vectors[row], vectors[nearest], vectors[held[: strength.SAMPLE]])
            assert one is not None
            found.append(float(one.max()))
    right, wrong = np.array(there), np.array(gone)
    none = [float((one < strength.SOME).mean()) for one in (wrong, right)]
    return Parting(f"query pictures ({len(rows)})", area(right, wrong), *none)


def _answering(scenes: Sequence[Scene], sort: str) -> list[Scene]:
    if sort in ("two kinds", "two colour+kinds"):
        return [scene for scene in scenes if len(scene.groups) == 2]
    return [scene for scene in scenes if not sort.startswith("size") or scene.groups[0].size != "medium"]


Asked = tuple[NDArray[np.float32], NDArray[np.int64]]  # (Q, D) the questions, (Q, TOP) rows of their nearest pictures


def _nearest(
    encoder: Encoder, texts: Sequence[str], vectors: Matrix, answers: NDArray[np.bool_]
) -> tuple[Asked, Asked]:
    questions = encoder.encode_texts(texts).vectors
    cosines = questions @ vectors.T
    without = np.where(answers, -np.inf, cosines)
    return tuple((questions, np.argsort(-one, axis=1)[:, :TOP]) for one in (cosines, without))  # type: ignore[return-value]


def _parting(name: str, formula: Formula, present: Asked, absent: Asked, vectors: Matrix, bank: Matrix) -> Parting:
    """The threshold is that of core.strength for its own formula; else one that wrongs 5 % of what is present."""
    there, gone = (
        np.array([_best(formula, question, vectors[rows], bank) for question, rows in zip(*asked, strict=True)])
        for asked in (present, absent)
    )
    threshold = strength.SOME if formula is _strength else float(np.quantile(there, 0.05))
    return Parting(name, area(there, gone), float((gone < threshold).mean()), float((there < threshold).mean()))


def _best(formula: Formula, question: NDArray[np.float32], images: Matrix, bank: Matrix) -> float:
    return float(formula(question, images, bank).max())


def area(right: NDArray[np.floating], wrong: NDArray[np.floating]) -> float:
    """Under the ROC curve: how often a right one is over a wrong one, ties counting half (Mann & Whitney 1947)."""
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, "left") + np.searchsorted(ordered, right, "right")
    return float(below.mean() / 2 / len(wrong))


def _strength(question: NDArray[np.float32], images: Matrix, bank: Matrix) -> NDArray[np.floating]:
    found = strength.of_text(question, images, bank)
    assert found is not None
    return found


def _rank(question: NDArray[np.float32], images: Matrix, bank: Matrix) -> NDArray[np.floating]:
    return np.asarray((images @ bank.T < (images @ question)[:, None]).mean(axis=1))


def _z(question: NDArray[np.float32], images: Matrix, bank: Matrix) -> NDArray[np.floating]:
    others = images @ bank.T
    return np.asarray((images @ question - others.mean(axis=1)) / others.std(axis=1))


FORMULAS: dict[str, Formula] = {
    "reach (core.strength)": _strength,
    "rank among the prompts": _rank,
    "z-score among the prompts": _z,
    "cosine alone": lambda question, images, bank: images @ question,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--each", type=int, default=60)
    given = parser.parse_args()
    found = measure(given.pictures, given.each)
    lines = [f"{found.questions} questions, each with its concept present in and absent from {given.pictures} pictures"]
    lines += [f"{'formula':<28}{'area':>8}{'none, absent':>15}{'none, present':>15}"]
    lines += [
        f"{one.name:<28}{one.area:>8.3f}{one.none_of_absent:>15.3f}{one.none_of_present:>15.3f}"
        for one in (*found.formulas, found.query_pictures)
    ]
    lines.append(f"{found.strange} questions with an unknown word: {found.strange_strong:.3f} called strong")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
