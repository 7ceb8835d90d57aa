"""What relevance is measured by in a library: yardsticks, and how high chance reaches in it (core.search.relevance).

Texts are calibrated by the model's prompts, pictures by a sample of the library. Both hold while the library keeps its
size, give or take a tenth. A search makes do with the sample, which takes a moment; `renew` asks the whole library, and
keeps what it found for every later process.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.filtering.filters import INDEXED
from core.domain.vectors import Matrix, Vector
from core.ports.rank_lists import Probe
from core.ports.scrolling import scroll_pages
from core.ports.vector_index import SearchableIndex
from core.search.relevance import FEWEST, BankProfile, NullMaximum, PictureYardstick, Scores, TextYardstick

CALIBRATED_ON = ("clip-ViT-B-32", "demo")  # the models that the constants of core.search.relevance were chosen on

Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")

SAMPLE = 1024  # pictures, the library's first by id: ids are hashes, so they are drawn by lot, and the same every time
_WHOLE = 2  # times the sample: larger libraries are asked themselves
_QUERIES = 64  # random queries that a whole library is asked
_NEAREST = 200  # pictures among which a random text's best reach is looked for
_KEPT = 512  # pictures of the sample that are kept as a yardstick
_GROWN = 0.1
_FORM = "1"  # grows whenever the formulas would make other numbers of the same library


class ProfileCache:
    """Profiles of pictures, kept while the index is in one state. Safe to use from several threads."""

    def __init__(self, capacity: int = 65_536) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._stamp: str | None = None
        self._rows: dict[str, int] = {}
        self._kept: BankProfile | None = None  # made at its full size; memory is taken as it fills

    def find(self, stamp: str | None, ids: Sequence[str]) -> tuple[list[str], BankProfile | None]:
        """Return those of the images that are kept, and their profile; None for none."""
        with self._lock:
            if stamp is None or stamp != self._stamp or self._kept is None:
                return [], None
            known = [image_id for image_id in ids if image_id in self._rows]
            return known, self._kept.take([self._rows[image_id] for image_id in known]) if known else None

    def keep(self, stamp: str | None, ids: Sequence[str], profile: BankProfile) -> None:
        """Keep the profile of images, in place of all that was kept in another state. Starts over when it is full."""
        if stamp is None or len(ids) > self._capacity:
            return
        with self._lock:
            if self._kept is None:
                self._kept = profile.allocate(self._capacity)
            if stamp != self._stamp or len(self._rows) + len(ids) > self._capacity:
                self._stamp, self._rows = stamp, {}
            new = [n for n, image_id in enumerate(ids) if image_id not in self._rows]  # others may have come meanwhile
            start = len(self._rows)
            self._kept.put(slice(start, start + len(new)), profile.take(new))
            self._rows |= {ids[n]: row for row, n in enumerate(new, start)}


@dataclass(frozen=True)
class TextScale:
    """`chance`: the best reach of random texts."""

    yardstick: TextYardstick
    chance: NullMaximum
    profiles: ProfileCache = field(default_factory=ProfileCache, compare=False)

    def find_profiles(
        self, stamp: str | None, ids: Sequence[str], vectors: Mapping[str, Vector]
    ) -> tuple[list[str], BankProfile]:
        """Return the images whose profile is kept or made of their vectors, and the profile of all of these."""
        known, kept = self.profiles.find(stamp, ids)
        there = set(known)
        new = [image_id for image_id in ids if image_id not in there and image_id in vectors]
        if not new:
            return known, kept or self.yardstick.profile(np.zeros((0, self.yardstick.dimension), np.float32))
        made = self.yardstick.profile(np.stack([vectors[image_id] for image_id in new]))
        self.profiles.keep(stamp, new, made)
        return known + new, made if kept is None else kept.join(made)

    def measure(self, query: Matrix, images: Matrix) -> Scores:
        """Measure images (N, D) by a query (1, D) -> (N,)."""
        return self.yardstick.reach(query, images)[:, 0]

    def evidence(self, measured: Scores, count: int) -> float:
        """Say how surely the best are more than chance finds among so many pictures."""
        return self.yardstick.evidence(measured, self.chance.at(count))


@dataclass(frozen=True)
class PictureScale:
    """`few` and `one`: how close the best three of a random picture are in the mean, and its best one."""

    yardstick: PictureYardstick
    few: NullMaximum
    one: NullMaximum

    def measure(self, query: Matrix, images: Matrix) -> Scores:
        """Measure images (N, D) by a query (1, D) -> (N,)."""
        return self.yardstick.closeness(query, images)[:, 0]

    def measure_cosines(self, query: Vector, cosines: Scores) -> Scores:
        """Measure images by their cosines (N,) with a query (D,) -> (N,)."""
        return self.yardstick.scale_cosines(query[np.newaxis], cosines[:, np.newaxis])[:, 0]

    def evidence(self, measured: Scores, count: int) -> float:
        """Say how surely the best are more than chance finds among so many pictures."""
        return self.yardstick.evidence(measured, self.few.at(count), self.one.at(count))


def describe_calibration(model: str, pictures: int) -> str:
    """Say in one line what the strength of a match is calibrated for, and how, in a library of so many pictures."""
    if model in CALIBRATED_ON:
        return f"calibrated on {model}, and here by its prompts and {min(pictures, SAMPLE):,} pictures"
    return (
        f"its constants were chosen on {' and '.join(CALIBRATED_ON)}; this model is calibrated here, "
        f"by its own prompts and {min(pictures, SAMPLE):,} pictures"
    )


class CalibrationStore(Protocol):
    """Keeps arrays by name. What cannot be read or written costs time alone."""

    def load(self, kind: str, name: str) -> dict[str, NDArray[Any]] | None:
        """Read arrays; None where there are none."""
        ...

    def save(self, kind: str, name: str, arrays: Arrays) -> None:
        """Keep arrays in place of all others of this kind."""
        ...


class NoStore:
    """A CalibrationStore without a memory."""

    def load(self, kind: str, name: str) -> dict[str, NDArray[Any]] | None:
        return None

    def save(self, kind: str, name: str, arrays: Arrays) -> None:
        pass


@dataclass(frozen=True)
class _Measured:
    """A scale, and what it was made of: a model, its bank, and a number of pictures."""

    fingerprint: str
    bank: Matrix | None
    count: int
    scale: Any


class Calibration:
    """Scales of one library at a time, and of copies of it. Safe to call from several threads."""

    def __init__(self, store: CalibrationStore | None = None) -> None:
        self._store = store or NoStore()
        self._lock = threading.Lock()
        self._scales: dict[str, _Measured] = {}  # by kind

    def texts(self, index: SearchableIndex, bank: Matrix, count: int | None = None) -> TextScale | None:
        """Give the scale of texts; None where the bank (M, D) is too small, or the library is empty.

        `count`: how many images the library holds, where that is known. Raises LibraryError.
        """
        if len(bank) < FEWEST:
            return None
        return self._scale(
            "texts", index, count, bank, lambda arrays: _read_texts(bank, arrays), lambda: _texts(_sample(index), bank)
        )

    def pictures(self, index: SearchableIndex, count: int | None = None) -> PictureScale | None:
        """Give the scale of pictures; None where the library is too small. `count` as of `texts`.

        Raises LibraryError.
        """
        return self._scale("pictures", index, count, None, _read_pictures, lambda: _pictures(_sample(index)))

    def renew(self, index: SearchableIndex, encoded_bank: Callable[[], Matrix]) -> None:
        """Measure a large library whole, unless that was done at about its size, and keep it. Raises LibraryError."""
        count = index.count(INDEXED)
        if count <= _WHOLE * SAMPLE or len(bank := encoded_bank()) < FEWEST:
            return
        for kind, name in (("texts", _name(index, bank)), ("pictures", _name(index))):
            kept = self._store.load(kind, name)
            if kept is not None and _is_near(int(kept["count"]), count):
                continue
            sample = _sample(index)
            arrays = (
                _whole_texts(index, sample, bank, count) if kind == "texts" else _whole_pictures(index, sample, count)
            )
            self._store.save(kind, name, {**arrays, "count": np.array(count)})
            with self._lock:
                self._scales.pop(kind, None)

    def _scale(
        self,
        kind: str,
        index: SearchableIndex,
        count: int | None,
        bank: Matrix | None,
        read: Callable[[Arrays], T],
        make: Callable[[], T | None],
    ) -> T | None:
        """Give the scale that is in memory, or read it, or make it of a sample."""
        fingerprint = index.info.fingerprint
        if count is None:
            count = index.count(INDEXED)
        with self._lock:
            known = self._scales.get(kind)
            if known is not None and known.fingerprint == fingerprint:
                grown = abs(count - known.count) > _GROWN * known.count
                if not grown and (known.bank is bank or np.array_equal(known.bank, bank)):  # type: ignore[arg-type]
                    scale: T | None = known.scale
                    return scale
            kept = self._store.load(kind, _name(index) if bank is None else _name(index, bank))
            whole = kept is not None and _is_near(int(kept["count"]), count)
            scale = read(kept) if kept is not None and whole else make()
            if scale is not None:
                self._scales[kind] = _Measured(fingerprint, bank, count, scale)
            return scale


def _is_near(measured: int, count: int) -> bool:
    return abs(count - measured) <= _GROWN * measured


def _name(index: SearchableIndex, *parts: Matrix) -> str:
    digest = hashlib.sha256(f"{_FORM} {index.info.fingerprint}".encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def _sample(index: SearchableIndex) -> Matrix:
    """Read the vectors of the library's first pictures, (M, D) float32."""
    rows: list[Vector] = []
    for page in scroll_pages(index.scroll, INDEXED):
        vectors = index.vectors([record.id for record in page])
        rows += [vectors[record.id] for record in page if record.id in vectors]
        if len(rows) >= SAMPLE:
            break
    return np.array(rows[:SAMPLE], np.float32).reshape(-1, index.info.dimension)


def _texts(sample: Matrix, bank: Matrix) -> TextScale | None:
    if not len(sample):
        return None
    yardstick = TextYardstick(bank)
    return TextScale(yardstick, NullMaximum.of(yardstick.reach(yardstick.random_texts(), sample)))


def _pictures(sample: Matrix) -> PictureScale | None:
    if len(sample) < FEWEST:
        return None
    yardstick = PictureYardstick(sample[:_KEPT])
    scores = yardstick.closeness(yardstick.random_pictures(), sample)
    return PictureScale(yardstick, NullMaximum.of(scores, 3), NullMaximum.of(scores))


def _whole_texts(index: SearchableIndex, sample: Matrix, bank: Matrix, count: int) -> Arrays:
    yardstick = TextYardstick(bank)
    queries = yardstick.random_texts()
    scores = yardstick.reach(queries, sample)
    best = []
    for text in queries[:_QUERIES]:
        near = index.vectors([image_id for image_id, _ in _nearest(index, text, _NEAREST)])
        best.append(yardstick.reach(text[np.newaxis], np.array(list(near.values()), np.float32)).max(initial=-np.inf))
    chance = NullMaximum.of(scores)
    return _curve("chance", chance.extend(count, scores, np.array(best)))


def _whole_pictures(index: SearchableIndex, sample: Matrix, count: int) -> Arrays:
    yardstick = PictureYardstick(sample[:_KEPT])
    queries = yardstick.random_pictures()
    scores = yardstick.closeness(queries, sample)
    cosines = np.array([[cosine for _, cosine in _nearest(index, one, 3)] for one in queries[:_QUERIES]])  # (Q, 3)
    best = yardstick.scale_cosines(queries[:_QUERIES], cosines.T)  # (3, Q)
    few = NullMaximum.of(scores, 3).extend(count, scores, best.mean(axis=0), 3)
    one = NullMaximum.of(scores).extend(count, scores, best.max(axis=0))
    return {**_curve("few", few), **_curve("one", one), "sample": sample[:_KEPT]}


def _nearest(index: SearchableIndex, vector: Vector, limit: int) -> Sequence[tuple[str, float]]:
    return index.shortlists([Probe("image", vector)], INDEXED, limit=limit)["image"].ranking


def _curve(name: str, chance: NullMaximum) -> dict[str, NDArray[Any]]:
    return {f"{name}_sizes": np.array(chance.sizes), f"{name}_heights": np.array(chance.heights)}


def _read_curve(name: str, arrays: Arrays) -> NullMaximum:
    return NullMaximum(tuple(arrays[f"{name}_sizes"].tolist()), tuple(arrays[f"{name}_heights"].tolist()))


def _read_texts(bank: Matrix, arrays: Arrays) -> TextScale:
    return TextScale(TextYardstick(bank), _read_curve("chance", arrays))


def _read_pictures(arrays: Arrays) -> PictureScale:
    sample = np.asarray(arrays["sample"], np.float32)
    return PictureScale(PictureYardstick(sample), _read_curve("few", arrays), _read_curve("one", arrays))
