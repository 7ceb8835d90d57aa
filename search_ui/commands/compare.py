"""The command `compare`: the library in use and the one made beside it for another model, on the same questions."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from core.bootstrap import Container
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from core.domain.filtering.filters import CAPTIONED, INDEXED, Filter
from core.domain.image import ImageRecord
from core.domain.query import LikeTerm, Query, TextTerm
from core.evaluation.evaluator import EvaluationSet
from core.index_versions import other_version
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import VectorIndex
from core.text.sanitize import printable
from search_ui.commands.eval import MOST

DEPTH = 10


@click.command()
@click.option("--model", metavar="NAME|PATH", help="Of several that were made: which.")
@click.option("--queries", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many are asked.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which ones are drawn.")
@data_option
@json_option
def compare(model: str | None, queries: int, seed: int, data: Path | None, as_json: bool) -> None:
    """Compare the library with the one that `bucketlens reindex` has made, on the same questions.

    Captions that people wrote are asked, and should find their pictures (as by `bucketlens eval`). Where there are
    none, captions or pictures of the library are, and found is how many of the first ten hits both have in common.
    """
    with ExitStack() as stack:
        container = stack.enter_context(open_container(data=data))
        names = (container.index_versions.current(), other_version(container.index_versions, model))
        both = [stack.enter_context(container.at_version(name)) for name in names]
        dice = random.Random(seed)
        found: dict[str, Any] = {"models": [one.index.info.model for one in both]}
        found |= _score(both, queries, dice) or _measure_overlap(both, queries, dice)
    finish(found, _lines(found), as_json=as_json)


def _score(both: Sequence[Container], queries: int, dice: random.Random) -> dict[str, Any] | None:
    """Ask captions that people wrote. Returns None where no person captioned a picture that both hold."""
    galleries = [EvaluationSet.read(container.index, MOST) for container in both]
    asked = [{one.text: one for one in gallery.human_questions()} for gallery in galleries]
    texts = sorted(asked[0].keys() & asked[1].keys())
    if not texts:
        return None
    texts = dice.sample(texts, min(queries, len(texts)))
    figures = []
    for container, gallery, known in zip(both, galleries, asked, strict=True):
        weighed = {"as set": container.settings.ranking.weights}
        figures.append(
            gallery.evaluate_texts(container.encoder, [known[text] for text in texts], weighed)["as set"].to_dict()
        )
    return {"questions": len(texts), "figures": figures}


def _measure_overlap(both: Sequence[Container], queries: int, dice: random.Random) -> dict[str, Any]:
    """Return the mean share of common hits among the first ten."""
    questions = _draw_questions(both, queries, dice)
    shares = []
    for question in questions:
        asked = {term.id for term in question.terms if isinstance(term, LikeTerm)}
        found = [{hit.record.id for hit in container.search.search(question).hits} - asked for container in both]
        shares.append(len(found[0] & found[1]) / max(map(len, found), default=1))
    return {"questions": len(questions), "overlap_at_10": sum(shares) / len(shares) if shares else None}


def _draw_questions(both: Sequence[Container], queries: int, dice: random.Random) -> list[Query]:
    records = _some(both[0].index, CAPTIONED)
    texts = sorted({record.caption for record in records if record.caption})
    if texts:
        return [Query((TextTerm(text),), limit=DEPTH) for text in dice.sample(texts, min(queries, len(texts)))]
    records = _some(both[0].index, INDEXED)
    there = both[1].index.vectors([record.id for record in records])
    ids = [record.id for record in records if record.id in there]
    return [Query((LikeTerm(i),), limit=DEPTH + 1) for i in dice.sample(ids, min(queries, len(ids)))]


def _some(index: VectorIndex, filter: Filter) -> list[ImageRecord]:
    """The first by their ids, which are hashes."""
    return index.scroll(filter, limit=PAGE_SIZE)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    names = [printable(model) for model in found["models"]]
    if "figures" not in found:
        share = found["overlap_at_10"]
        common = "nothing can be asked" if share is None else f"{share:.0%} of the first ten hits are the same"
        yield f"{names[0]} (in use) and {names[1]}: {found['questions']:,} questions, {common}"
        return
    yield f"{found['questions']:,} captions of people were asked"
    for name, figures, remark in zip(names, found["figures"], (" (in use)", ""), strict=True):
        parts = (f"{key} {value:.3f}" for key, value in figures.items() if key != "questions")
        yield f"  {name}{remark}: {'  '.join(parts)}"
