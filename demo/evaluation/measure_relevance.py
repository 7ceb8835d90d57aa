"""Measure how well relevance parts what a library holds from what it does not, by several formulas.

    python -m demo.evaluation.measure_relevance [--pictures 2000] [--each 60] [--vectors FOLDER]

Drawn scenes: a question is asked of the library, then of the library without the scenes that answer it. Real vectors,
where --vectors says where they are (demo.evaluation.real_vectors): things that captions name, and things that no
picture shows. Their libraries are of several sizes, of another geometry, and of pictures that are all alike. Every
formula has one threshold for all of them. That of core.search.relevance is its own; the others' wrongs 5 % of what is
present.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.bootstrap import Container
from core.domain.vectors import Matrix, unit
from core.search import relevance
from core.search.relevance_scale import SAMPLE
from core.settings import DEMO, load_settings
from demo.evaluation.evaluate import encode_pictures, load_clip
from demo.evaluation.real_vectors import RealVectors
from demo.models.training_pool import evaluation_scenes, thumbnail
from demo.scenes.captions import SHORT, short_question, word_question
from demo.scenes.composition import Scene
from demo.scenes.question_bank import SceneTable, replace_telling_word

Scores = NDArray[np.floating]
Scorer = Callable[[Matrix, Matrix], Scores]  # a question (1, D), images (N, D) -> (N,)
Formula = Callable[[Matrix, Matrix], Scorer]  # of a bank and a library

SORTS = [sort for sort in SHORT if sort != "relation"]
TOP = 200
SIZES = (50, 100, 300, 500)
_LARGE = 100_000
_NOISE = 0.35


@dataclass(frozen=True)
class Case:
    """A library, its bank, and questions: `present` (P, D), and `absent` (A, D) of the library without `hidden`.

    `hidden` (N, A) are the pictures that answer a question, which are taken out for it; None where there are none.
    """

    name: str
    images: Matrix
    bank: Matrix
    present: Matrix
    absent: Matrix
    hidden: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Separation:
    """Of one formula and case: area under the ROC curve, and the shares of answers that its threshold calls none."""

    formula: str
    case: str
    area: float
    none_of_absent: float
    none_of_present: float


def drawn_cases(count: int, each: int, seed: str = "strength") -> tuple[Case, Matrix]:
    """`each` questions of every sort about `count` held-out scenes; and questions with a word that no model knows.

    What is a matter of order ("a car left of a star") is left out: the demo CLIP does not tell it (demo/README.md).
    """
    dice = random.Random(seed)
    scenes = evaluation_scenes(count)
    vectors = encode_pictures(load_clip(), [Image.fromarray(thumbnail(scene)) for scene in scenes])
    with (
        TemporaryDirectory() as nowhere,
        Container(load_settings(data=Path(nowhere), model=DEMO, device="cpu")) as container,
    ):
        encoder = container.encoder
    asked = [short_question(dice.choice(_answering(scenes, sort)), sort, dice) for sort in SORTS for _ in range(each)]
    texts = [word_question(question, dice) for question in asked]
    hidden = SceneTable.of(scenes).answers(asked)  # (N, Q)
    questions = encoder.encode_texts(texts).vectors
    strange = [text for text in (replace_telling_word(text, dice) for text in texts) if text]
    case = Case(f"drawn scenes, {count}", vectors, relevance.encode_bank(encoder), questions, questions, hidden)
    return case, encoder.encode_texts(strange).vectors


def real_cases(found: RealVectors, sizes: Sequence[int] = SIZES, large: int = _LARGE, seed: int = 0) -> Iterator[Case]:
    """Libraries of real photographs; the bank is every other text that is asked by no case."""
    dice = np.random.default_rng(seed)
    order = dice.permutation(len(found.images))
    asked = {*found.absent, *found.present}
    bank = found.texts[[row for row in range(len(found.texts)) if row not in asked]]
    absent = found.texts[found.absent]

    def case(name: str, rows: NDArray[np.integer], change: Callable[[Matrix], Matrix] = lambda rows: rows) -> Case:
        there = [row for row in found.present if found.shown[rows, row].any()]
        images, present = found.images[rows], found.texts[there]
        return Case(name, change(images), change(bank), change(present), change(absent))

    for size in sizes:
        yield case(f"photographs, {size}", order[:size])
    if large:
        yield case(f"photographs, {large:,} copies", dice.integers(0, len(order), large), _perturb(dice))
    common = unit(found.images.mean(axis=0))
    yield case("squeezed", order, lambda rows: unit(np.concatenate([rows, np.full((len(rows), 1), 1.5)], axis=1)))
    yield case("stretched", order, lambda rows: unit(rows - 0.5 * (rows @ common)[:, None] * common))
    dogs = np.flatnonzero(found.mentioned[:, found.names.index("dog")])
    yield case("all alike (dogs)", dogs)


def _perturb(dice: np.random.Generator) -> Callable[[Matrix], Matrix]:
    """Of many rows, that is of images, copies that differ: cosine about 0.94."""

    def change(rows: Matrix) -> Matrix:
        if len(rows) < _LARGE // 10:
            return rows
        return unit(rows + dice.normal(0, _NOISE / np.sqrt(rows.shape[1]), rows.shape).astype(np.float32))

    return change


def compare(cases: Sequence[Case], *, ours_alone: bool = False) -> list[Separation]:
    """Every formula on every case, the project's own first; see Parting."""
    partings = []
    for name, formula in list(FORMULAS.items())[: 1 if ours_alone else None]:
        measured = [_best_of_each(formula, case) for case in cases]
        least = [np.quantile(present, 0.05) for present, _ in measured]
        threshold = relevance.SOME if formula is _ours else float(np.median(least))
        partings += [
            Separation(
                name,
                case.name,
                area(present, absent),
                float((absent < threshold).mean()),
                float((present < threshold).mean()),
            )
            for case, (present, absent) in zip(cases, measured, strict=True)
        ]
    return partings


def _best_of_each(formula: Formula, case: Case) -> tuple[Scores, Scores]:
    """What is best of every present and of every absent question."""

    score = formula(case.bank, case.images)

    def best(questions: Matrix, hidden: NDArray[np.bool_] | None) -> Scores:
        found = []
        for n, question in enumerate(questions):
            cosines = case.images @ question
            if hidden is not None:
                cosines = np.where(hidden[:, n], -np.inf, cosines)
            rows = np.argpartition(-cosines, min(TOP, len(cosines) - 1))[:TOP]
            rows = rows[np.isfinite(cosines[rows])]
            found.append(score(question[np.newaxis], case.images[rows]).max())
        return np.array(found)

    return best(case.present, None), best(case.absent, case.hidden)


def area(right: Scores, wrong: Scores) -> float:
    """Under the ROC curve: how often a right one is over a wrong one, ties counting half (Mann & Whitney 1947)."""
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, "left") + np.searchsorted(ordered, right, "right")
    return float(below.mean() / 2 / len(wrong))


def strong_share(case: Case, questions: Matrix) -> float:
    """How many of the questions have an answer that is called strong."""
    score = _ours(case.bank, case.images)
    found = [score(one[np.newaxis], case.images[np.argsort(-(case.images @ one))[:TOP]]) for one in questions]
    return float(np.mean([one.max() >= relevance.STRONG for one in found]))


def pictures(scenes: Sequence[Scene], vectors: Matrix) -> Separation:
    """A fifth of the drawn scenes asked of the others, and of those without the kind of object that they show."""
    rows = [row for row, scene in enumerate(scenes) if row % 5 == 0 and len(scene.groups) == 1]
    library = np.array([row for row in range(len(scenes)) if row % 5])
    kinds = [{group.kind for group in scene.groups} for scene in scenes]
    score = _picture_scorer(vectors[library])
    there: list[float] = []
    gone: list[float] = []
    for row in rows:
        without = np.array([other for other in library if not kinds[row] & kinds[other]])
        there.append(_best_picture(score, vectors[row], vectors[library]))
        gone.append(_best_picture(score, vectors[row], vectors[without]))
    right, wrong = np.array(there), np.array(gone)
    none = [float((one < relevance.SOME).mean()) for one in (wrong, right)]
    return Separation("relevance", f"drawn query pictures ({len(rows)})", area(right, wrong), *none)


def real_pictures(found: RealVectors) -> tuple[Separation, float]:
    """Dogs whose nearest are mostly dogs, asked of the others and of those without dogs; and random pairs >= SOME."""
    names = [row for row, name in enumerate(found.names) if name in ("dog", "puppy")]
    dogs = np.asarray(found.mentioned[:, names].any(axis=1))
    there, gone, pairs = [], [], []
    images = found.images
    score = _picture_scorer(images)
    for row in range(len(images)):
        others = np.delete(np.arange(len(images)), row)
        if dogs[row]:
            nearest = others[np.argsort(-(images[others] @ images[row]))[:10]]
            if dogs[nearest].mean() > 0.5:
                there.append(_best_picture(score, images[row], images[others]))
            gone.append(_best_picture(score, images[row], images[others[~dogs[others]]]))
        elif row % 5 == 0:
            pairs.append(score(images[row][np.newaxis], images[others]))
    right, wrong = np.array(there), np.array(gone)
    none = [float((one < relevance.SOME).mean()) for one in (wrong, right)]
    parting = Separation("relevance", f"photographs of dogs ({len(there)})", area(right, wrong), *none)
    return parting, float((np.concatenate(pairs) >= relevance.SOME).mean())


def _best_picture(score: Scorer, query: NDArray[np.float32], images: Matrix) -> float:
    return float(score(query[np.newaxis], images[np.argsort(-(images @ query))[:TOP]]).max())


def _picture_scorer(library: Matrix) -> Scorer:
    yardstick = relevance.PictureYardstick(library[:512])
    chance = yardstick.closeness(yardstick.random_pictures(), library[:SAMPLE])
    few, one = (relevance.NullMaximum.of(chance, best).at(len(library)) for best in (3, 1))

    def score(query: Matrix, images: Matrix) -> Scores:
        close = yardstick.closeness(query, images)[:, 0]
        return np.minimum(yardstick.strengths(close), yardstick.evidence(close, few, one))

    return score


def _ours(bank: Matrix, library: Matrix) -> Scorer:
    yardstick = relevance.TextYardstick(bank)
    random_texts = yardstick.random_texts()
    scores = yardstick.reach(random_texts, library[:SAMPLE])
    curve = relevance.NullMaximum.of(scores)
    if len(library) > 2 * SAMPLE:
        nearest = [np.argpartition(-(library @ text), TOP)[:TOP] for text in random_texts[:64]]
        pairs = zip(random_texts, nearest, strict=False)
        best = [yardstick.reach(text[np.newaxis], library[rows]).max() for text, rows in pairs]
        curve = curve.extend(len(library), scores, np.array(best))
    chance = curve.at(len(library))

    def score(question: Matrix, images: Matrix) -> Scores:
        reach = yardstick.reach(question, images)[:, 0]
        return np.minimum(yardstick.strengths(reach), yardstick.evidence(reach, chance))

    return score


def _reach(bank: Matrix, _: Matrix) -> Scorer:
    def score(question: Matrix, images: Matrix) -> Scores:
        others = np.sort(images @ bank.T, axis=1)
        usual = np.median(others, axis=1)
        return np.asarray((images @ question[0] - usual) / (others[:, -5:].mean(axis=1) - usual))

    return score


def _rank(bank: Matrix, _: Matrix) -> Scorer:
    return lambda question, images: np.asarray((images @ bank.T < images @ question.T).mean(axis=1))


def _z(bank: Matrix, _: Matrix) -> Scorer:
    def score(question: Matrix, images: Matrix) -> Scores:
        others = images @ bank.T
        return np.asarray((images @ question[0] - others.mean(axis=1)) / others.std(axis=1))

    return score


def _softmax(bank: Matrix, _: Matrix) -> Scorer:
    """The log-probability that CLIP's own logit scale, 100, gives the text among the prompts."""

    def score(question: Matrix, images: Matrix) -> Scores:
        logits = 100 * (images @ bank.T)
        top = logits.max(axis=1)
        return np.asarray(100 * (images @ question[0]) - top - np.log(np.exp(logits - top[:, None]).sum(axis=1)))

    return score


FORMULAS: dict[str, Formula] = {
    "relevance (core.search.relevance)": _ours,
    "reach, uncentred, best five": _reach,
    "z-score among the prompts": _z,
    "softmax among the prompts": _softmax,
    "rank among the prompts": _rank,
    "cosine alone": lambda *_: lambda question, images: images @ question[0],
}


def _answering(scenes: Sequence[Scene], sort: str) -> list[Scene]:
    if sort in ("two kinds", "two colour+kinds"):
        return [scene for scene in scenes if len(scene.groups) == 2]
    return [scene for scene in scenes if not sort.startswith("size") or scene.groups[0].size != "medium"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--vectors", type=Path)
    given = parser.parse_args()
    case, strange = drawn_cases(given.pictures, given.each)
    scenes = pictures(evaluation_scenes(given.pictures), case.images)
    cases, rows = [case], [scenes]
    if given.vectors is not None:
        found = RealVectors.read(given.vectors)
        cases += real_cases(found)
        dogs, pairs = real_pictures(found)
        rows.append(dogs)
        sys.stdout.write(f"random pairs of photographs that are some match: {pairs:.4f}\n")
    sys.stdout.write("| formula | asked of | area | none, absent | none, present |\n| --- | --- | --- | --- | --- |\n")
    for one in (*compare(cases), *rows):
        shares = f"{one.area:.3f} | {one.none_of_absent:.1%} | {one.none_of_present:.1%}"
        sys.stdout.write(f"| {one.formula} | {one.case} | {shares} |\n")
    sys.stdout.write(
        f"{len(strange)} questions with an unknown word: {strong_share(case, strange):.1%} called strong\n"
    )


if __name__ == "__main__":
    main()
