"""Measure how well several formulas of relevance separate what a library holds from what it does not.

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
    """The separation by one formula in one case: the area under the ROC curve, and shares of answers called none.

    `none_of_absent` is to be high, `none_of_present` low; both are from 0 to 1.
    """

    formula: str
    case: str
    area: float
    none_of_absent: float
    none_of_present: float


def make_drawn_cases(count: int, each: int, seed: str = "strength") -> tuple[Case, Matrix]:
    """Make a case of `each` questions of every sort about `count` held-out scenes.

    Returns it with the vectors, (Q, D), of questions with a word that no model knows. Questions of order ("a car left
    of a star") are left out, since the demo CLIP cannot answer them (demo/README.md).
    """
    dice = random.Random(seed)
    scenes = evaluation_scenes(count)
    vectors = encode_pictures(load_clip(), [Image.fromarray(thumbnail(scene)) for scene in scenes])
    with (
        TemporaryDirectory() as nowhere,
        Container(load_settings(data=Path(nowhere), model=DEMO, device="cpu")) as container,
    ):
        encoder = container.encoder
    asked = [
        short_question(dice.choice(_select_answering(scenes, sort)), sort, dice) for sort in SORTS for _ in range(each)
    ]
    texts = [word_question(question, dice) for question in asked]
    hidden = SceneTable.of(scenes).answers(asked)  # (N, Q)
    questions = encoder.encode_texts(texts).vectors
    strange = [text for text in (replace_telling_word(text, dice) for text in texts) if text]
    case = Case(f"drawn scenes, {count}", vectors, relevance.encode_bank(encoder), questions, questions, hidden)
    return case, encoder.encode_texts(strange).vectors


def make_real_cases(
    found: RealVectors, sizes: Sequence[int] = SIZES, large: int = _LARGE, seed: int = 0
) -> Iterator[Case]:
    """Yield libraries of real photographs; the bank holds the texts that no case asks for."""
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
    """Return a function that perturbs large matrices, of images, to a cosine of about 0.94."""

    def change(rows: Matrix) -> Matrix:
        if len(rows) < _LARGE // 10:
            return rows
        return unit(rows + dice.normal(0, _NOISE / np.sqrt(rows.shape[1]), rows.shape).astype(np.float32))

    return change


def compare(cases: Sequence[Case], *, ours_alone: bool = False) -> list[Separation]:
    """Compare the formulas on every case, the project's own first."""
    separations = []
    for name, formula in list(FORMULAS.items())[: 1 if ours_alone else None]:
        measured = [_score_best(formula, case) for case in cases]
        least = [np.quantile(present, 0.05) for present, _ in measured]
        threshold = relevance.SOME if formula is _make_relevance_scorer else float(np.median(least))
        separations += [
            Separation(
                name,
                case.name,
                compute_area(present, absent),
                float((absent < threshold).mean()),
                float((present < threshold).mean()),
            )
            for case, (present, absent) in zip(cases, measured, strict=True)
        ]
    return separations


def _score_best(formula: Formula, case: Case) -> tuple[Scores, Scores]:
    """Score the best image of every present and of every absent question."""

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


def compute_area(right: Scores, wrong: Scores) -> float:
    """Compute the area under the ROC curve, ties counting half (Mann & Whitney 1947)."""
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, "left") + np.searchsorted(ordered, right, "right")
    return float(below.mean() / 2 / len(wrong))


def measure_strong_share(case: Case, questions: Matrix) -> float:
    """Return the share of questions with an answer that is called strong."""
    score = _make_relevance_scorer(case.bank, case.images)
    found = [score(one[np.newaxis], case.images[np.argsort(-(case.images @ one))[:TOP]]) for one in questions]
    return float(np.mean([one.max() >= relevance.STRONG for one in found]))


def measure_pictures(scenes: Sequence[Scene], vectors: Matrix) -> Separation:
    """Ask a fifth of the drawn scenes of the others, and of those without the kind of object that they show."""
    rows = [row for row, scene in enumerate(scenes) if row % 5 == 0 and len(scene.groups) == 1]
    library = np.array([row for row in range(len(scenes)) if row % 5])
    kinds = [{group.kind for group in scene.groups} for scene in scenes]
    score = _make_picture_scorer(vectors[library])
    there: list[float] = []
    gone: list[float] = []
    for row in rows:
        without = np.array([other for other in library if not kinds[row] & kinds[other]])
        there.append(_score_best_picture(score, vectors[row], vectors[library]))
        gone.append(_score_best_picture(score, vectors[row], vectors[without]))
    right, wrong = np.array(there), np.array(gone)
    none = [float((one < relevance.SOME).mean()) for one in (wrong, right)]
    return Separation("relevance", f"drawn query pictures ({len(rows)})", compute_area(right, wrong), *none)


def measure_real_pictures(found: RealVectors) -> tuple[Separation, float]:
    """Ask photographs of dogs of the others, and of those without dogs.

    Those with mostly dogs nearest count as present. Also returns the share of random pairs at or above SOME.
    """
    names = [row for row, name in enumerate(found.names) if name in ("dog", "puppy")]
    dogs = np.asarray(found.mentioned[:, names].any(axis=1))
    there, gone, pairs = [], [], []
    images = found.images
    score = _make_picture_scorer(images)
    for row in range(len(images)):
        others = np.delete(np.arange(len(images)), row)
        if dogs[row]:
            nearest = others[np.argsort(-(images[others] @ images[row]))[:10]]
            if dogs[nearest].mean() > 0.5:
                there.append(_score_best_picture(score, images[row], images[others]))
            gone.append(_score_best_picture(score, images[row], images[others[~dogs[others]]]))
        elif row % 5 == 0:
            pairs.append(score(images[row][np.newaxis], images[others]))
    right, wrong = np.array(there), np.array(gone)
    none = [float((one < relevance.SOME).mean()) for one in (wrong, right)]
    separation = Separation("relevance", f"photographs of dogs ({len(there)})", compute_area(right, wrong), *none)
    return separation, float((np.concatenate(pairs) >= relevance.SOME).mean())


def _score_best_picture(score: Scorer, query: NDArray[np.float32], images: Matrix) -> float:
    return float(score(query[np.newaxis], images[np.argsort(-(images @ query))[:TOP]]).max())


def _make_picture_scorer(library: Matrix) -> Scorer:
    yardstick = relevance.PictureYardstick(library[:512])
    chance = yardstick.closeness(yardstick.random_pictures(), library[:SAMPLE])
    few, one = (relevance.NullMaximum.of(chance, best).at(len(library)) for best in (3, 1))

    def score(query: Matrix, images: Matrix) -> Scores:
        close = yardstick.closeness(query, images)[:, 0]
        return np.minimum(yardstick.strengths(close), yardstick.evidence(close, few, one))

    return score


def _make_relevance_scorer(bank: Matrix, library: Matrix) -> Scorer:
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


def _make_reach_scorer(bank: Matrix, _: Matrix) -> Scorer:
    def score(question: Matrix, images: Matrix) -> Scores:
        others = np.sort(images @ bank.T, axis=1)
        usual = np.median(others, axis=1)
        return np.asarray((images @ question[0] - usual) / (others[:, -5:].mean(axis=1) - usual))

    return score


def _make_rank_scorer(bank: Matrix, _: Matrix) -> Scorer:
    return lambda question, images: np.asarray((images @ bank.T < images @ question.T).mean(axis=1))


def _make_z_scorer(bank: Matrix, _: Matrix) -> Scorer:
    def score(question: Matrix, images: Matrix) -> Scores:
        others = images @ bank.T
        return np.asarray((images @ question[0] - others.mean(axis=1)) / others.std(axis=1))

    return score


def _make_softmax_scorer(bank: Matrix, _: Matrix) -> Scorer:
    """Score by the log-probability of the text among the prompts, at CLIP's own logit scale of 100."""

    def score(question: Matrix, images: Matrix) -> Scores:
        logits = 100 * (images @ bank.T)
        top = logits.max(axis=1)
        return np.asarray(100 * (images @ question[0]) - top - np.log(np.exp(logits - top[:, None]).sum(axis=1)))

    return score


FORMULAS: dict[str, Formula] = {
    "relevance (core.search.relevance)": _make_relevance_scorer,
    "reach, uncentred, best five": _make_reach_scorer,
    "z-score among the prompts": _make_z_scorer,
    "softmax among the prompts": _make_softmax_scorer,
    "rank among the prompts": _make_rank_scorer,
    "cosine alone": lambda *_: lambda question, images: images @ question[0],
}


def _select_answering(scenes: Sequence[Scene], sort: str) -> list[Scene]:
    if sort in ("two kinds", "two colour+kinds"):
        return [scene for scene in scenes if len(scene.groups) == 2]
    return [scene for scene in scenes if not sort.startswith("size") or scene.groups[0].size != "medium"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--vectors", type=Path)
    given = parser.parse_args()
    case, strange = make_drawn_cases(given.pictures, given.each)
    scenes = measure_pictures(evaluation_scenes(given.pictures), case.images)
    cases, rows = [case], [scenes]
    if given.vectors is not None:
        found = RealVectors.read(given.vectors)
        cases += make_real_cases(found)
        dogs, pairs = measure_real_pictures(found)
        rows.append(dogs)
        sys.stdout.write(f"random pairs of photographs that are some match: {pairs:.4f}\n")
    sys.stdout.write("| formula | asked of | area | none, absent | none, present |\n| --- | --- | --- | --- | --- |\n")
    for one in (*compare(cases), *rows):
        shares = f"{one.area:.3f} | {one.none_of_absent:.1%} | {one.none_of_present:.1%}"
        sys.stdout.write(f"| {one.formula} | {one.case} | {shares} |\n")
    sys.stdout.write(
        f"{len(strange)} questions with an unknown word: {measure_strong_share(case, strange):.1%} called strong\n"
    )


if __name__ == "__main__":
    main()
