"""What relevance is measured by: made of a sample, renewed by the whole library, kept for later processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.adapters.local.relevance_scales import CalibrationFiles
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ListName
from core.domain.vectors import Matrix, unit
from core.ports.rank_lists import Probe, Shortlist
from core.ports.vector_index import IndexInfo, Point
from core.search import relevance_scale
from core.search.relevance import TextYardstick
from core.search.relevance_scale import Calibration, ProfileCache, describe_calibration
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import record

DIMENSION = 24
DICE = np.random.default_rng(3)
BANK = unit(0.5 + DICE.normal(size=(60, DIMENSION))).astype(np.float32)


class Counting(MemoryIndex):
    asked = 0

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        self.asked += 1
        return super().shortlists(probes, filter, limit=limit)


def _library(count: int, seed: int = 0) -> Counting:
    index = Counting(IndexInfo("made", "made-1", DIMENSION))
    rows: Matrix = unit(0.2 + np.random.default_rng(seed).normal(size=(count, DIMENSION))).astype(np.float32)
    index.upsert([Point(record(n), row) for n, row in enumerate(rows)])
    return index


@pytest.fixture
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relevance_scale, "SAMPLE", 64)


def test_profiles_are_kept_while_the_index_is_in_one_state() -> None:
    yardstick = TextYardstick(BANK)
    rows: Matrix = unit(DICE.normal(size=(5, DIMENSION))).astype(np.float32)
    names = list("abcde")
    kept = ProfileCache(capacity=6)
    assert kept.find("1", names) == ([], None)
    kept.keep("1", names, yardstick.profile(rows))
    known, profile = kept.find("1", ["d", "x", "b"])
    assert known == ["d", "b"] and profile is not None
    np.testing.assert_array_equal(profile.nearest, yardstick.profile(rows[[3, 1]]).nearest)
    assert kept.find("2", names) == ([], None) and kept.find(None, names) == ([], None)
    kept.keep("1", ["x", "y"], yardstick.profile(rows[:2]))  # no room: it starts over
    assert kept.find("1", [*names, "x", "y"])[0] == ["x", "y"]
    kept.keep("2", ["a"], yardstick.profile(rows[:1]))
    assert kept.find("1", ["x"]) == ([], None) and kept.find("2", ["x", "a"])[0] == ["a"]
    kept.keep(None, ["z"], yardstick.profile(rows[:1]))
    kept.keep("2", ["a"] * 7, yardstick.profile(rows[[0] * 7]))  # more than it ever holds
    assert kept.find("2", ["a", "z"])[0] == ["a"]


def test_profiles_that_two_searches_made_at_once_are_kept_once() -> None:
    yardstick = TextYardstick(BANK)
    rows: Matrix = unit(DICE.normal(size=(4, DIMENSION))).astype(np.float32)
    kept = ProfileCache(capacity=6)
    for ids in ([0], [0, 1], [0, 1, 2], [3]):
        kept.keep("1", [str(n) for n in ids], yardstick.profile(rows[ids]))
    known, profile = kept.find("1", list("0123"))
    assert known == list("0123") and profile is not None
    np.testing.assert_array_equal(profile.nearest, yardstick.profile(rows).nearest)


def test_a_search_makes_do_with_a_sample_and_asks_the_library_nothing_else() -> None:
    index = _library(80)
    found = Calibration()
    texts, pictures = found.texts(index, BANK), found.pictures(index)
    assert texts is not None and pictures is not None and index.asked == 0
    assert texts.chance.sizes[-2:] == (64, 80) and texts.chance.at(64) > texts.chance.at(8) > texts.chance.at(1)
    assert found.texts(index, BANK) is texts and found.pictures(index) is pictures


def test_scales_are_made_anew_when_the_library_has_grown_by_more_than_a_tenth() -> None:
    index = _library(100)
    found = Calibration()
    first = found.texts(index, BANK)
    index.upsert([Point(record(1000 + n), BANK[n]) for n in range(10)])
    assert found.texts(index, BANK) is first
    index.upsert([Point(record(1010), BANK[10])])
    assert found.texts(index, BANK) is not first


@pytest.mark.usefixtures("small_sample")
def test_a_large_library_is_measured_whole_and_that_is_kept(tmp_path: Path) -> None:
    index = _library(400)
    by_sample = Calibration().texts(index, BANK)
    Calibration(CalibrationFiles(tmp_path)).renew(index, lambda: BANK)
    asked = index.asked
    assert asked > 0 and len(list(tmp_path.iterdir())) == 2
    later = Calibration(CalibrationFiles(tmp_path))
    texts, pictures = later.texts(index, BANK), later.pictures(index)
    assert texts is not None and pictures is not None and by_sample is not None
    assert texts.chance.sizes[-1] == pictures.few.sizes[-1] == 400
    assert texts.chance.sizes[:-1] == by_sample.chance.sizes
    later.renew(index, lambda: BANK)
    assert index.asked == asked
    every = np.stack(list(index.vectors([record(n).id for n in range(400)]).values()))
    reach = texts.yardstick.reach(texts.yardstick.random_texts(), every)
    assert texts.chance.at(400) == pytest.approx(np.median(reach.max(axis=0)), abs=0.05)


@pytest.mark.usefixtures("small_sample")
def test_a_library_that_is_smaller_than_two_samples_is_not_asked(tmp_path: Path) -> None:
    index = _library(120)
    Calibration(CalibrationFiles(tmp_path)).renew(index, lambda: BANK)
    assert index.asked == 0 and not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small_sample")
@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_costs_time_alone(tmp_path: Path, damage: bytes | None) -> None:
    index = _library(400)
    Calibration(CalibrationFiles(tmp_path)).renew(index, lambda: BANK)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    assert Calibration(CalibrationFiles(tmp_path)).texts(index, BANK) is not None
    assert Calibration(CalibrationFiles(tmp_path)).pictures(index) is not None


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    files = CalibrationFiles(tmp_path / "nowhere")
    files.save("texts", "x", {"count": np.array(1)})
    assert files.load("texts", "x") is None


def test_another_model_or_bank_has_a_file_of_its_own_in_place_of_the_one_before(tmp_path: Path) -> None:
    files = CalibrationFiles(tmp_path)
    arrays: dict[str, Any] = {"count": np.array(7)}
    files.save("texts", "one", arrays)
    files.save("pictures", "one", arrays)
    files.save("texts", "two", arrays)
    assert files.load("texts", "one") is None and files.load("texts", "two") == arrays
    assert files.load("pictures", "one") == arrays


def test_one_line_says_what_strength_is_calibrated_for() -> None:
    assert (
        describe_calibration("clip-ViT-B-32", 50)
        == "calibrated on clip-ViT-B-32, and here by its prompts and 50 pictures"
    )
    other = describe_calibration("siglip2-base", 1_000_000)
    assert "chosen on clip-ViT-B-32 and demo" in other and "this model is calibrated here" in other and "1,024" in other
