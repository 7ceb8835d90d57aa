"""How well an image really matches, from 0 to 1, and what that says of an answer: CLIP always has a nearest picture.

Nothing is learnt from labels, and two numbers a kind of query are all that is chosen. What is compared is always what
else could have been found. Two questions are asked of every image.

*Does this picture show it?* A text is compared with what else could be said of the same image. That is a bank of
everyday prompts (prompts.txt), encoded once a model. All texts are taken from their common centre. So what every text
shares, and how specific a text is, cancels out:

    u(t)      = (t - c) / |t - c|,  c: the mean of the bank
    reach     = (x·u(t) - median(b)) / (mean of the best three of b - median(b)),
                b: x·u of the bank, near twins of t aside

A picture is compared with how alike the library's pictures are among themselves, by a sample of them:

    closeness = (s - m) / (w - m),  m and w: median and 99th percentile of cosines, half of them the sample's pairs,
                half the query picture's own with the sample

*Is it more than chance?* The best of a thousand pictures is nearer than the best of fifty, whatever is asked. So the
same is measured of random queries, which look like texts (or pictures) of this model but mean nothing. They are the
principal components of the bank (or the sample), each shuffled among the rows. The median of their best is the height
of chance for a library of that size (`NullMaximum`). The best match has to rise above it. A strength is the weaker of
both answers, each as a logistic function.

The bank as a yardstick is a cohort as in speaker verification, of which the best few are kept as in adaptive T-norm.
Half own, half common statistics are a shrunk S-norm. Shuffled components are the null of parallel analysis. The
formulas that were compared, and their figures, are in docs/relevance.md.

    Auckenthaler, Carey & Lloyd-Thomas, "Score Normalization for Text-Independent Speaker Verification Systems", 2000
    Sturim & Reynolds, "Speaker Adaptive Cohort Selection for Tnorm in Text-Independent Speaker Verification", 2005
    Kenny, "Bayesian Speaker Verification with Heavy-Tailed Priors", 2010
    Horn, "A Rationale and Test for the Number of Factors in Factor Analysis", 1965
    Platt, "Probabilistic Outputs for Support Vector Machines", 1999 (the logistic function)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.domain.vectors import Matrix, Vector
from core.ports.encoders import Encoder

Verdict = Literal["strong", "some", "none"]
Scores = NDArray[np.float64]

SOME = 0.5
STRONG = 0.8
FEWEST = 20  # prompts or pictures; fewer are no yardstick
RANDOM = 256  # random queries that chance is measured by

_BEST = 3
_TWIN = 0.99  # of the bank's pairs, ordered by cosine: a prompt as near to a text as those above is its twin
_CLOSE = 0.99
_SAME = 1.8  # the least closeness of a cosine of 1
_ITSELF = 1 - 1e-4
_ROWS = 24
_TINY = 1e-6

_SHOWN = (0.48, 0.12)  # the reach whose strength is a half, and the width of the logistic function
_OVER_CHANCE = (0.175, 0.08)  # so far above chance
_ALIKE = (0.97, 0.06)  # closeness
_OVER_CHANCE_ALIKE = (1.12, 1.25)  # so many times this power of chance, for the mean of the best three
_ALONE = 1.24  # times as much, for the best one alone
_WIDTH = 0.035
_FEW = 3
_NEAREST = 32  # prompts of a picture that its profile tells; with more twins than this leaves room for, none does


@cache
def prompts() -> tuple[str, ...]:
    """Read the bank: several hundred things that people say of pictures."""
    return tuple(Path(__file__).with_name("prompts.txt").read_text(encoding="utf-8").split("\n")[:-1])


def encode_bank(encoder: Encoder) -> Matrix:
    """Encode the prompts of which the model knows every word, as (M, D) float32 unit rows.

    What it has no words for, it would place anywhere: a model of few words has a smaller bank, not a worse one.
    """
    encoding = encoder.encode_texts(prompts())
    known = [row for row, unknown in enumerate(encoding.unknown) if not unknown]
    return np.ascontiguousarray(encoding.vectors[known])


def find_verdict(strengths: Sequence[float]) -> Verdict:
    """Say what the strengths of the best matches make of an answer."""
    best = max(strengths, default=0.0)
    return "strong" if best >= STRONG else "some" if best >= SOME else "none"


@dataclass(frozen=True)
class NullMaximum:
    """What random queries reach at best, in the median: `heights` in libraries of so many pictures, ascending."""

    sizes: tuple[int, ...]
    heights: tuple[float, ...]

    @classmethod
    def of(cls, scores: NDArray[np.floating], best: int = 1) -> "NullMaximum":
        """Measure the scores (N, Q) of a sample, cut into libraries of 1, 2, 4 … pictures, and whole.

        The height of a query is the mean of its `best` scores, or of all where there are fewer.
        """
        heights = []
        sizes = [2**power for power in range(len(scores).bit_length()) if 2**power < len(scores)] + [len(scores)]
        for size in sizes:
            parts = len(scores) // size
            cut = scores[: parts * size].reshape(parts, size, -1)
            top = np.partition(cut, size - min(best, size), axis=1)[:, size - min(best, size) :]
            heights.append(float(np.median(top.mean(axis=1))))
        return cls(tuple(sizes), tuple(heights))

    def extend(self, size: int, scores: Scores, whole: Scores, best: int = 1) -> "NullMaximum":
        """Add one larger size: that of a library which random queries were asked of, too.

        `whole` (K,) are the heights that the first K queries reach in it, `scores` (N, Q) those of all in the sample.
        What counts is by how much the same queries reach higher: that varies far less than what few of them reach.
        """
        top = np.sort(scores[:, : len(whole)], axis=0)[-best:].mean(axis=0)
        gain = float(np.median(np.maximum(whole, top) - top))
        return NullMaximum((*self.sizes, size), (*self.heights, self.at(len(scores)) + gain))

    def at(self, size: int) -> float:
        """Give the height for a size: linear in its logarithm, beyond the largest one as fast as before it."""
        places, heights = np.log2(self.sizes), self.heights
        place = float(np.log2(max(1, size)))
        if place <= places[-1] or len(places) < 2:
            return float(np.interp(place, places, heights))
        slope = (heights[-1] - heights[-2]) / (places[-1] - places[-2])
        return float(heights[-1] + slope * (place - places[-1]))


@dataclass(frozen=True)
class BankProfile:
    """How N pictures stand to the bank: all that measuring one text by them takes, beside its cosines with them.

    `usual` (N,) are the medians of their cosines with the prompts, `centre` (N,) their products with the bank's mean.
    `nearest` (N, K) float32 are the cosines of the nearest prompts, in any order, and `prompts` (N, K) which these are.
    """

    usual: NDArray[np.float64]
    centre: NDArray[np.float64]
    nearest: NDArray[np.float32]
    prompts: NDArray[np.int16]

    def take(self, rows: Sequence[int]) -> "BankProfile":
        """Copy some rows."""
        chosen = np.asarray(rows, np.intp)
        return BankProfile(self.usual[chosen], self.centre[chosen], self.nearest[chosen], self.prompts[chosen])

    def join(self, other: "BankProfile") -> "BankProfile":
        """Append the rows of another profile by the same bank."""
        return BankProfile(*(np.concatenate(parts) for parts in zip(self._arrays, other._arrays, strict=True)))

    def allocate(self, count: int) -> "BankProfile":
        """Make a profile of so many rows, which are to be written."""
        return BankProfile(*(np.empty((count, *array.shape[1:]), array.dtype) for array in self._arrays))

    def put(self, rows: slice, other: "BankProfile") -> None:
        """Overwrite some rows."""
        for kept, given in zip(self._arrays, other._arrays, strict=True):
            kept[rows] = given

    @property
    def _arrays(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        return self.usual, self.centre, self.nearest, self.prompts


class TextYardstick:
    """What a text is measured by; `bank` is (M, D), unit rows."""

    def __init__(self, bank: Matrix) -> None:
        self._bank = bank
        self._centre: Vector = bank.mean(axis=0)
        self._prompts = _directions(bank - self._centre)
        pairs = (self._prompts @ self._prompts.T)[np.triu_indices(len(bank), 1)]
        self._twin = float(np.quantile(pairs, _TWIN))

    def reach(self, texts: Matrix, images: Matrix) -> Scores:
        """Measure texts (Q, D) by images (N, D) -> (N, Q): 0 is as near as the usual prompt, 1 as near as the best."""
        asked = _directions(texts - self._centre)
        others = _cosines(images, self._prompts)  # (N, M)
        usual = np.median(others, axis=1)
        found = _cosines(images, asked) - usual[:, None]
        twins = asked @ self._prompts.T >= self._twin  # (Q, M)
        alone = ~twins.any(axis=1)
        found[:, alone] /= np.maximum(_mean_best(others) - usual, _TINY)[:, None]
        for one in np.flatnonzero(~alone):
            found[:, one] /= np.maximum(_mean_best(others[:, ~twins[one]]) - usual, _TINY)
        return found

    @property
    def dimension(self) -> int:
        return len(self._centre)

    def profile(self, images: Matrix) -> BankProfile:
        """Compare images (N, D) with the bank."""
        others = _products(images, self._prompts)  # (N, M)
        size = others.shape[1]
        count = min(_NEAREST, size)
        ordered = np.sort(others, axis=1)  # sooner done in float32 than any of its parts in float64
        usual = ordered[:, [(size - 1) // 2, size // 2]].mean(axis=1, dtype=np.float64)
        above = np.flatnonzero(others >= ordered[:, size - count, None])
        if len(above) == len(others) * count:
            prompts = above.reshape(-1, count) % size
        else:  # some are equally near
            prompts = np.argpartition(others, size - count, axis=1)[:, -count:]
        nearest = np.take_along_axis(others, prompts, axis=1)
        centre = np.asarray(images @ self._centre, np.float64)
        return BankProfile(usual, centre, nearest, prompts.astype(np.int16))

    def fits_profile(self, text: Vector) -> bool:
        """Say whether profiles hold enough prompts for a text: not all may be its twins."""
        return len(self._find_twins(text)) <= min(_NEAREST, len(self._prompts)) - _BEST

    def reach_in_profile(self, text: Vector, cosines: Scores, profile: BankProfile) -> Scores:
        """Measure a text (D,) that fits by N pictures, as `reach` does; `cosines` (N,) are theirs with it."""
        offset = text.astype(np.float64) - self._centre
        found = (cosines - profile.centre) / max(float(np.linalg.norm(offset)), _TINY) - profile.usual
        twins = self._find_twins(text)
        nearest = profile.nearest.astype(np.float64)
        if len(twins):
            nearest = np.where(np.isin(profile.prompts, twins), -np.inf, nearest)
        return np.asarray(found / np.maximum(_mean_best(nearest) - profile.usual, _TINY))

    def _find_twins(self, text: Vector) -> NDArray[np.intp]:
        return np.flatnonzero(self._prompts @ _directions(text - self._centre) >= self._twin)

    def random_texts(self, count: int = RANDOM) -> Matrix:
        """Draw (count, D) float32 unit rows: like this model's texts, of no meaning, and the same every time."""
        offset = self._bank - self._centre
        length = float(np.median(np.linalg.norm(offset, axis=1)))
        return _directions(self._centre + length * _directions(_shuffle(offset, count)))

    @staticmethod
    def strengths(reach: Scores) -> Scores:
        """Say how well each image shows the text, chance aside."""
        return _logistic(reach, *_SHOWN)

    @staticmethod
    def evidence(reach: Scores, chance: float) -> float:
        """Say how surely the best of the images are more than chance finds."""
        return float(_logistic(np.asarray(reach.max() - chance), *_OVER_CHANCE)) if len(reach) else 0.0


class PictureYardstick:
    """What a picture is measured by; `sample` is (M, D), unit rows: pictures of the library, drawn by lot."""

    def __init__(self, sample: Matrix) -> None:
        self._sample = sample
        pairs = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
        self._usual, self._close = (float(one) for one in np.quantile(pairs, [0.5, _CLOSE]))

    def closeness(self, pictures: Matrix, images: Matrix) -> Scores:
        """Measure pictures (Q, D) by images (N, D) -> (N, Q): 0 is as alike as usual, 1 as the closest pairs in 100."""
        return self.scale_cosines(pictures, _cosines(images, pictures))

    def scale_cosines(self, pictures: Matrix, cosines: NDArray[np.floating]) -> Scores:
        """Measure by cosines (N, Q) that are known. The same picture is close however alike the library's are."""
        own = np.asarray(self._sample @ pictures.T, np.float64)  # (M, Q)
        usual, close = np.stack([self._own_quantiles(column[column <= _ITSELF]) for column in own.T], axis=1)
        middle = (usual + self._usual) / 2
        width = np.minimum((close + self._close) / 2 - middle, (1 - middle) / _SAME)
        return np.asarray((cosines - middle) / np.maximum(width, _TINY), np.float64)

    def _own_quantiles(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give a query picture's own two numbers; the common ones where the whole sample is that picture."""
        return np.quantile(cosines, [0.5, _CLOSE]) if len(cosines) else np.array([self._usual, self._close])

    def random_pictures(self, count: int = RANDOM) -> Matrix:
        """Draw (count, D) float32 unit rows: like the library's pictures, none of them, and the same every time."""
        centre = self._sample.mean(axis=0)
        return _directions(centre + _shuffle(self._sample - centre, count))

    @staticmethod
    def strengths(closeness: Scores) -> Scores:
        """Say how alike each image is, chance aside."""
        return _logistic(closeness, *_ALIKE)

    @staticmethod
    def evidence(closeness: Scores, few: float, one: float) -> float:
        """Say how surely the best are more than chance finds: three together, or one alone that is closer still.

        `few` and `one` are the heights of chance for the mean of the best three, and for the best.
        """
        if not len(closeness):
            return 0.0
        times, power = _OVER_CHANCE_ALIKE
        best = np.sort(closeness)[::-1]
        together = best[:_FEW].mean() / (times * max(few, _TINY) ** power)
        alone = best[0] / (_ALONE * times * max(one, _TINY) ** power)
        return float(_logistic(np.asarray(max(together, alone)), 1.0, _WIDTH))


def _directions(rows: NDArray[np.floating]) -> Matrix:
    """Unit rows; what has no length stays as it is."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), _TINY), np.float32)


def _shuffle(offsets: NDArray[np.floating], count: int) -> Matrix:
    """(M, D) about 0 -> (count, D): rows with the same principal components, each drawn from another row."""
    axes = _principal_axes(np.asarray(offsets, np.float64))
    weights = offsets @ axes.T  # (M, K)
    dice = np.random.default_rng(0)
    rows = np.arange(max(count, len(weights))) % len(weights)
    drawn = np.stack([column[dice.permutation(rows)[:count]] for column in weights.T], axis=1)
    return np.asarray(drawn @ axes, np.float32)


def _principal_axes(offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, D) about 0 -> (K, D): unit rows, the widest first, where K is the smaller of M and D."""
    if len(offsets) < offsets.shape[1]:
        return np.asarray(np.linalg.svd(offsets, full_matrices=False)[2])
    return np.asarray(np.linalg.eigh(offsets.T @ offsets)[1].T[::-1])  # a third of the time of the singular values


def _mean_best(scores: Scores) -> Scores:
    """(N, M) -> (N,): the mean of the best three of every row."""
    best = min(_BEST, scores.shape[1])
    return np.asarray(np.partition(scores, scores.shape[1] - best, axis=1)[:, -best:].mean(axis=1))


def _cosines(images: NDArray[np.floating], others: NDArray[np.floating]) -> Scores:
    """(N, D), (M, D) -> (N, M)."""
    return np.asarray(_products(images, others), np.float64)


def _products(images: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[Any]:
    """(N, D), (M, D) -> (N, M). Few rows by one thread: to wake BLAS's on a busy machine takes far longer."""
    product: NDArray[Any] = images @ others.T if len(images) > _ROWS else np.einsum("nd,md->nm", images, others)
    return product


def _logistic(values: Scores, middle: float, width: float) -> Scores:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp((middle - values) / width)))
