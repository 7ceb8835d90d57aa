"""The command `eval`: how well a library finds what people say of its pictures, for every weighting of its lists."""

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from core.bootstrap import Container, load_plots
from core.commands.options import data_option, json_option, model_option, open_container
from core.commands.output import finish, table_console
from core.domain.filtering.filters import INDEXED
from core.domain.image import ListName
from core.domain.query import Weights
from core.errors import LibraryMissing, NothingKnown
from core.evaluation.evaluator import EvaluationSet, GroundTruth
from core.evaluation.metrics import Figures
from core.ports.rank_lists import LISTS
from core.text.sanitize import printable
from core.text.word_lists import WORD_FIELDS, WordListName

MOST = 20_000  # pictures, of which each takes some kilobytes of memory
_STEPS = (0.25, 0.5, 1.0)
_ALONE: dict[ListName, str] = {
    "image": "image alone",
    "caption": "captions alone",
    "words": "words alone",
    "text": "text alone",
    "place": "places alone",
    "name": "names alone",
}
_HEADS = ("R@1", "R@5", "R@10", "MRR", "nDCG@10")


@dataclass(frozen=True, slots=True)
class Demo:
    """The library that is judged where there is none, and what is known of one that `bucketlens demo` made."""

    made: Callable[[], AbstractContextManager[tuple[Container, GroundTruth]]]
    known: Callable[[Container], GroundTruth | None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    `text`: the figures of text queries, by the name of the weighting; `picture`: those of picture queries.
    """

    library: str
    pictures: int
    total: int
    weighings: Mapping[str, Weights]
    text: Mapping[str, Figures]
    picture: Figures

    def to_dict(self) -> dict[str, Any]:
        rows = [
            {"name": name, "image": one.image, "caption": one.caption, "words": one.words, "weights": asdict(one)}
            | self.text[name].to_dict()
            for name, one in self.weighings.items()
        ]
        judged = {"library": self.library, "pictures": self.pictures, "total": self.total}
        return judged | {"text_to_image": rows, "image_to_image": self.picture.to_dict()}


def weighings(usual: Weights, held: Collection[WordListName]) -> dict[str, Weights]:
    """Return weightings by name: each list alone, the library's own weights, and a grid around them.

    Of text in pictures, places and names only the lists are weighed that are `held`: that have any words.
    """
    named = {_ALONE[name]: Weights.only(**{name: 1}) for name in LISTS if name in ("image", "caption", "words", *held)}
    named[f"as set: {_name(usual)}"] = usual
    grid = [replace(usual, image=1, caption=caption, words=words) for caption in _STEPS for words in _STEPS]
    others = [name for name in WORD_FIELDS if name in held and name != "words"]
    grid += [replace(usual, **{name: weight}) for name in others for weight in (0.0, *_STEPS)]
    return named | {_name(weights): weights for weights in grid if weights != usual}


def evaluate(container: Container, known: GroundTruth | None, questions: int, seed: int) -> Evaluation:
    """Ask at most so many questions and as many pictures, drawn at random.

    `known`: what to ask where no person has captioned a picture of the library.
    Raises NothingKnown, ModelError, LibraryError.
    """
    gallery = EvaluationSet.read(container.index, MOST)
    asked = gallery.human_questions()
    if asked:
        known = None
    elif known is not None:
        asked = gallery.select_questions(known)
    if not asked:
        raise NothingKnown(container.settings.data)
    dice = random.Random(seed)
    asked = dice.sample(asked, min(questions, len(asked)))
    rows = dice.sample(range(len(gallery.records)), min(questions, len(gallery.records)))
    compared = weighings(container.settings.ranking.weights, gallery.word_lists)
    text = gallery.evaluate_texts(container.encoder, asked, compared)
    total = container.index.count(INDEXED)
    library = str(container.settings.data)
    return Evaluation(library, len(gallery.records), total, compared, text, gallery.evaluate_pictures(rows, known))


def eval_command(demo: Demo) -> click.Command:
    """Make the command, for this demo."""

    @click.command("eval")
    @click.option(
        "--queries",
        type=click.IntRange(1, 100_000),
        default=500,
        show_default=True,
        help="At most so many captions, and pictures, are asked.",
    )
    @click.option("--seed", type=int, default=0, show_default=True, help="Which ones are drawn.")
    @click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: .png, .svg or .pdf.")
    @model_option
    @data_option
    @json_option
    def command(
        queries: int, seed: int, plot: Path | None, model: str | None, data: Path | None, as_json: bool
    ) -> None:
        """Tell how well searches find pictures by captions that people wrote, and by other pictures.

        A caption is asked, and should find its picture, of which that caption is not known while it is asked. A picture
        is asked, and should find those whose captions share half of their words with its own. R@k: the share of
        questions with an answer among the first k; MRR: 1 / rank of the first; nDCG: how good the order is.

        Where there is no library and none is named with --data, one of drawn pictures is made for it.
        """
        with ExitStack() as stack:
            container = stack.enter_context(open_container(data=data, model=model))
            if plot is not None:
                _ = load_plots()  # raises PackageMissing before anything takes long
            try:
                _ = container.index
                known = demo.known(container)
            except LibraryMissing:
                if data is not None:
                    raise
                click.echo(f"there is no library in {container.settings.data}: drawing the demo's", err=True)
                container, known = stack.enter_context(demo.made())
            found = evaluate(container, known, queries, seed)
            if not as_json:
                _print_table(found)
            finish(found.to_dict(), _lines(found), _remarks(found), as_json=as_json)
            if plot is not None:
                _draw(plot, found, container)

    return command


def _print_table(found: Evaluation) -> None:
    asked = next(iter(found.text.values())).questions
    title = f"text → image: {asked:,} questions to {found.pictures:,} pictures"
    table = Table(box=None, pad_edge=False, header_style="dim", title=title, title_justify="left")
    table.add_column(", ".join(LISTS))
    for head in _HEADS:
        table.add_column(head, justify="right")
    best = max(one.ndcg_at_10 for one in found.text.values())
    for name, one in found.text.items():
        table.add_row(name, *_cells(one), style="bold" if one.ndcg_at_10 == best else None)
    table_console().print(table)


def _lines(found: Evaluation) -> Iterator[str]:
    if found.picture.questions:
        cells = "  ".join(f"{head} {cell}" for head, cell in zip(_HEADS, _cells(found.picture), strict=True))
        yield f"image → image: {found.picture.questions:,} pictures asked, {cells}"
    else:
        yield "image → image: no two captions share half of their words"


def _remarks(found: Evaluation) -> Iterator[str]:
    if found.pictures < found.total:
        yield f"note: of {found.total:,} pictures {found.pictures:,} were searched"


def _cells(one: Figures) -> list[str]:
    values = (one.recall_at_1, one.recall_at_5, one.recall_at_10, one.mrr, one.ndcg_at_10)
    return [f"{value:.3f}" for value in values]


def _name(weights: Weights) -> str:
    return ", ".join(f"{getattr(weights, name):g}" for name in LISTS)


def _draw(path: Path, found: Evaluation, container: Container) -> None:
    lists = ", ".join(LISTS)
    title = f"Text to image, {found.pictures:,} pictures (weights: {lists})"
    try:
        load_plots().evaluation(list(found.text.items()), title).savefig(path)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"cannot write {printable(str(path))}: {error}", param_hint="--plot") from error
    click.echo(f"drawn: {printable(str(path))}", err=True)
