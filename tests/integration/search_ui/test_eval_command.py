"""`bucketlens eval` on real libraries: the product's own ranking, judged by what is known of its pictures."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from core.bootstrap import Container
from core.domain.query import Query, TextTerm, Weights
from core.errors import LibraryMissing, NothingKnown
from core.evaluation.evaluator import EvaluationSet
from core.ports.vector_index import CaptionUpdate
from core.settings import load_settings
from demo.evaluation import measure_fusion
from demo.evaluation.drawn_library import DrawnLibrary, draw_library, make_ground_truth, paraphrase_all
from demo.evaluation.eval_demo import make_library, read_ground_truth
from demo.evaluation.measure_fusion import FusionFigures, list_weightings, measure
from demo.models.training_pool import evaluation_scenes
from search_ui.commands.eval import Demo, eval_command
from tests.support.small_library import SmallLibrary, build

COUNT = 80
LEAST = 6  # pictures with X and without Y: of 80, no kind has many


@pytest.fixture(scope="module")
def drawn() -> Iterator[DrawnLibrary]:
    with draw_library(evaluation_scenes(COUNT)) as library:
        yield library


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Six pictures, of which people captioned two."""
    library = build(tmp_path_factory.mktemp("captioned"), 6)
    with Container(load_settings(data=library.data)) as container:
        told = ("three red umbrellas", "a night with umbrellas"), ("<script>our boat</script>", "a dog")
        vectors = [container.encoder.encode_texts(texts).vectors[0] for texts in told]
        container.index.set_captions(
            [
                CaptionUpdate(library.id_of(n), texts[0], "human", None, None, vector, texts)
                for n, texts, vector in zip((1, 2), told, vectors, strict=True)
            ]
        )
    return library


def _run(*arguments: str, demo: Demo | None = None) -> "tuple[int, str, str]":
    command: click.Command = eval_command(demo or Demo(lambda: make_library(12), read_ground_truth))
    result = CliRunner().invoke(command, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_it_ranks_as_a_search_of_the_same_library_does(drawn: DrawnLibrary) -> None:
    gallery = EvaluationSet.read(drawn.container.index, 1000)
    asked = gallery.select_questions(
        make_ground_truth(drawn.scenes, paraphrase_all(list(drawn.scenes.values())[:12], random.Random(1)))
    )
    compared = [Weights(), Weights(1, 1, 1), Weights(0, 1, 0), Weights(0, 0, 1)]
    for one, found in zip(asked, gallery.rank(drawn.container.encoder, asked, compared), strict=True):
        for weights, rows in zip(compared, found, strict=True):
            hits = drawn.container.search.search(Query((TextTerm(one.text),), limit=10, weights=weights)).hits
            ids = [gallery.records[row].id for row in rows[:10]]
            assert len(ids) > 0 and ids == [hit.record.id for hit in hits], (one.text, weights)


def test_captions_that_people_wrote_are_asked(captioned: SmallLibrary, tmp_path: Path) -> None:
    plot = tmp_path / "eval.png"
    code, printed, _ = _run("--data", str(captioned.data), "--json", "--plot", str(plot))
    found = json.loads(printed)
    assert code == 0 and (found["pictures"], found["total"]) == (6, 6)
    rows = {row["name"]: row for row in found["text_to_image"]}
    assert rows["image alone"]["questions"] == 4
    usual = ", ".join(f"{weight:g}" for weight in asdict(Weights()).values())
    assert rows[f"as set: {usual}"]["weights"] == asdict(Weights())
    assert {"image alone", "captions alone", "words alone", f"as set: {usual}"} <= rows.keys()
    assert usual.replace("0.05, 0.5", "1, 1", 1) in rows
    assert "places alone" not in rows  # no picture has one
    assert all(0 <= row["ndcg_at_10"] <= 1 for row in rows.values())
    assert rows["words alone"]["recall_at_1"] == 0.5  # the umbrellas, of which the other caption tells too
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG" and drawn.width > 400


def test_people_get_a_table(captioned: SmallLibrary) -> None:
    code, printed, _ = _run("--data", str(captioned.data), "--queries", "2")
    lines = printed.splitlines()
    assert code == 0 and lines[0].strip() == "text → image: 2 questions to 6 pictures"
    assert lines[1].split()[-5:] == ["R@1", "R@5", "R@10", "MRR", "nDCG@10"]
    assert [line.split()[0] for line in lines[2:5]] == ["image", "captions", "words"]
    assert lines[-1].startswith("image → image: ")


def test_the_same_seed_asks_the_same(captioned: SmallLibrary) -> None:
    asked = [_run("--data", str(captioned.data), "--queries", "2", "--seed", seed, "--json")[1] for seed in "334"]
    assert asked[0] == asked[1]


def test_a_library_without_captions_of_people_says_what_to_do(drawn: DrawnLibrary, tmp_path: Path) -> None:
    data = drawn.container.settings.data
    drawn.container.let_go()
    with pytest.raises(NothingKnown, match="a file of captions"):
        _run("--data", str(data))
    with pytest.raises(LibraryMissing):
        _run("--data", str(tmp_path / "none"))


def test_a_plot_that_cannot_be_written_is_said(captioned: SmallLibrary, tmp_path: Path) -> None:
    code, _, errors = _run("--data", str(captioned.data), "--plot", str(tmp_path / "eval.docx"))
    assert code == 2 and "cannot write" in errors


def test_without_any_library_the_demos_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, printed, errors = _run("--json")
    found = json.loads(printed)
    assert code == 0 and "drawing the demo's" in errors
    assert found["pictures"] == 12 and found["text_to_image"][0]["questions"] == 12
    assert found["text_to_image"][0]["recall_at_10"] == 1.0
    assert list(tmp_path.iterdir()) == []


def _good(found: FusionFigures) -> None:
    """What pictures show is all but always right of itself, in these scenes: the lists of captions must not harm it."""
    for figures in (found.captions, found.short):
        usual = figures["as set"].ndcg_at_10
        assert usual >= figures["image alone"].ndcg_at_10 - 0.005
        assert usual >= max(figures[f"{name} alone"].ndcg_at_10 for name in ("words", "captions"))
    assert found.cases > 0 and found.kept_out >= 0.95


def test_lists_together_are_as_good_as_the_best_alone(drawn: DrawnLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_fusion, "ENOUGH", LEAST)
    monkeypatch.setattr(measure_fusion, "TOP", LEAST)
    _good(measure(drawn, 40, 10, list_weightings(())))


@pytest.mark.soak
def test_lists_together_are_as_good_as_the_best_alone_on_2000_pictures() -> None:
    with draw_library(evaluation_scenes(2000)) as library:
        found = measure(library, 2000, 200, list_weightings(()))
    assert found.cases == 200
    _good(found)
    together = found.both["as set"].ndcg_at_10
    assert together > max(found.both[f"{name} alone"].ndcg_at_10 for name in ("image", "captions", "words"))
