"""What `bucketlens search` is asked: its options, and the Query that they make."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import quote

import click

from core.asked import between, during, filter_of
from core.conditions import KeyGlob, KeyPrefix, Match, Missing, Phrase
from core.errors import ImageUnreadable, InvalidQuery
from core.query import (
    MAX_LIMIT,
    SORTS,
    Condition,
    Filter,
    ImageTerm,
    LikeTerm,
    Orientation,
    Query,
    Sort,
    Term,
    TextTerm,
    Weights,
    caption_words,
    oriented,
)
from core.wiring import Wiring

F = TypeVar("F", bound=Callable[..., Any])

_LISTS = ("image", "caption", "words")
_PICTURE = click.Path(path_type=Path, exists=True, dir_okay=False)


def _words(*names: str, help: str, metavar: str = "WORD") -> Callable[[Any], Any]:
    return click.option(*names, metavar=metavar, multiple=True, help=help + " Repeatable.")


def _span(name: str, variable: str, help: str) -> Callable[[Any], Any]:
    return click.option(name, variable, metavar="RANGE", help=help)


def _options() -> list[Callable[[Any], Any]]:
    return [
        click.argument("text", required=False),
        click.option("--image", "images", type=_PICTURE, multiple=True, help="Search by this picture. Repeatable."),
        _words("--like", "likes", metavar="ID", help="Search by this picture of the library."),
        _words("--avoid", "avoided", metavar="TEXT", help="Away from what these words say."),
        click.option("--avoid-image", "avoided_images", type=_PICTURE, multiple=True, help="Away from this picture."),
        _words("--unlike", "unlikes", metavar="ID", help="Away from this picture of the library."),
        click.option(
            "--text-weight", type=float, default=1.0, show_default=True, help="Weight of TEXT; negative: away from."
        ),
        click.option("--image-weight", type=float, default=1.0, show_default=True, help="Weight of the pictures."),
        click.option(
            "--weigh",
            metavar="LIST=WEIGHT",
            multiple=True,
            help="How much a list counts: image, caption or words; the others as set. Repeatable.",
        ),
        click.option("--words-only", is_flag=True, help="Rank by the words of captions alone; needs no model."),
        *_filters(),
        click.option("--sort", type=click.Choice(SORTS), help="Best match first, latest first, or by name."),
        click.option("--reverse", is_flag=True, help="Earliest first; names from Z."),
        click.option("--within", type=click.IntRange(1, MAX_LIMIT), help="How many of the best matches are sorted."),
        click.option(
            "--min-strength",
            type=click.FloatRange(0, 1),
            default=0.0,
            help="Leave out what matches less well; 0.5 is some match, 0.8 a strong one.",
        ),
        click.option(
            "--fold/--no-fold", default=True, show_default=True, help="Files of the same bytes are one hit, counted."
        ),
        click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=20, show_default=True, help="How many."),
        click.option(
            "--offset", type=click.IntRange(0, MAX_LIMIT), default=0, show_default=True, help="Skip the first ones."
        ),
    ]


def _filters() -> list[Callable[[Any], Any]]:
    return [
        _words("--must", help="The caption holds this word."),
        _words("--any", "any_of", help="The caption holds one of these."),
        _words("--not", "none_of", help="The caption does not hold it."),
        _words("--phrase", "phrases", metavar="TEXT", help="The caption says exactly this, word by word."),
        _words("--source", "sources", metavar="SOURCE", help="From this folder or bucket; of several, from any."),
        click.option("--prefix", metavar="KEY", help="The path within the source begins with this."),
        click.option("--key", metavar="PATTERN", help="The path within the source fits it: * ? [abc]; * takes in /."),
        _span("--taken", "taken", "When the picture was taken, such as 2024 or 2023-06..2024."),
        _span("--modified", "modified", "When the file was changed last."),
        _span("--width", "width", "In pixels, such as 1920.. or 640..1920."),
        _span("--height", "height", "In pixels."),
        _span("--aspect", "aspect", "Width to height, such as 16:9 (within 1 %) or 1.3..1.8."),
        click.option(
            "--orientation", "orientations", type=click.Choice(get_args(Orientation)), multiple=True, help="Repeatable."
        ),
        click.option("--captioned", type=click.Choice(["generated", "human", "no"]), help="Who wrote the caption."),
        click.option("--status", type=click.Choice(["indexed", "failed", "any"]), help="Failed files too, or alone."),
        click.option(
            "--filter", "filter_json", metavar="JSON", help='Such as {"any": [{"word": "dog"}, {"key": "*.png"}]}.'
        ),
    ]


def query_options(command: F) -> F:
    """Every option that an `Asked` is made of."""
    for option in reversed(_options()):
        command = option(command)
    return command


def filter_options(command: F) -> F:
    """Those of them that say which pictures are meant, and not what is looked for."""
    for option in reversed(_filters()):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given."""

    text: str | None = None
    images: tuple[Path, ...] = ()
    likes: tuple[str, ...] = ()
    avoided: tuple[str, ...] = ()
    avoided_images: tuple[Path, ...] = ()
    unlikes: tuple[str, ...] = ()
    text_weight: float = 1.0
    image_weight: float = 1.0
    weigh: tuple[str, ...] = ()
    words_only: bool = False
    must: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    prefix: str | None = None
    key: str | None = None
    taken: str | None = None
    modified: str | None = None
    width: str | None = None
    height: str | None = None
    aspect: str | None = None
    orientations: tuple[Orientation, ...] = ()
    captioned: str | None = None
    status: str | None = None
    filter_json: str | None = None
    sort: Sort | None = None
    reverse: bool = False
    within: int | None = None
    min_strength: float = 0.0
    fold: bool = True
    limit: int = 20
    offset: int = 0

    @property
    def title(self) -> str:
        return self.text or ", ".join(image.name for image in self.images) or ", ".join(self.likes) or "newest"

    def query(self, wiring: Wiring) -> Query:
        """Raises InvalidQuery, ImageUnreadable, and LibraryError where a source has to be looked up."""
        passing = caption_words(self.must, self.any_of, self.none_of) & self.conditions(wiring)
        return Query(
            self._terms(wiring.settings.max_image_bytes),
            passing,
            self.limit,
            self.offset,
            self._weights(wiring.settings.weights),
            self.sort,
            self.reverse,
            self.within,
            self.min_strength,
            self.fold,
        )

    def conditions(self, wiring: Wiring) -> Filter:
        """All filters but those by caption words."""
        found: list[Condition] = [Phrase(phrase) for phrase in self.phrases]
        if self.sources:
            held = [source for source, _ in wiring.index.facet("source", limit=MAX_LIMIT)]
            found.append(Match("source", tuple(_source(source, held) for source in self.sources)))
        found += [KeyPrefix(self.prefix)] if self.prefix is not None else []
        found += [KeyGlob(self.key)] if self.key is not None else []
        found += [during("taken_at", self.taken)] if self.taken is not None else []
        found += [during("modified_at", self.modified)] if self.modified is not None else []
        found += [between("width", self.width)] if self.width is not None else []
        found += [between("height", self.height)] if self.height is not None else []
        found += [between("aspect", self.aspect)] if self.aspect is not None else []
        found += [oriented(*self.orientations)] if self.orientations else []
        if self.captioned:
            none = self.captioned == "no"
            found.append(Missing("caption_origin") if none else Match("caption_origin", (self.captioned,)))
        if self.status:
            found.append(Match("status", ("indexed", "failed") if self.status == "any" else (self.status,)))
        if self.filter_json is not None:
            try:
                given = json.loads(self.filter_json)
            except (ValueError, RecursionError) as error:
                raise InvalidQuery("filter", self.filter_json, f"JSON ({error})") from error
            found.append(filter_of(given))
        return Filter(all=tuple(found))

    def _terms(self, most_bytes: int) -> tuple[Term, ...]:
        terms: list[Term] = [] if self.text is None else [TextTerm(self.text, self.text_weight)]
        terms += [ImageTerm(_read(image, most_bytes), self.image_weight) for image in self.images]
        terms += [LikeTerm(image_id, self.image_weight) for image_id in self.likes]
        terms += [TextTerm(text, -1.0) for text in self.avoided]
        terms += [ImageTerm(_read(image, most_bytes), -1.0) for image in self.avoided_images]
        terms += [LikeTerm(image_id, -1.0) for image_id in self.unlikes]
        return tuple(terms)

    def _weights(self, usual: Weights) -> Weights | None:
        if self.words_only:
            if self.weigh:
                raise click.UsageError("--words-only leaves nothing to weigh: give one of --words-only and --weigh")
            return Weights(0, 0, 1)
        if not self.weigh:
            return None
        weights = {name: getattr(usual, name) for name in _LISTS}
        for given in self.weigh:
            name, _, number = given.partition("=")
            try:
                weights[_LISTS[_LISTS.index(name)]] = float(number)
            except ValueError as error:
                raise InvalidQuery(
                    "weigh", given, "image=1.5, caption=0 or the like (lists: image, caption, words)"
                ) from error
        return Weights(**weights)


def _source(given: str, held: Sequence[str]) -> str:
    """The library's name of a source as people name it: its URI, or the path of a folder."""
    tries = [given, given.rstrip("/")]
    if "://" not in given:
        tries.append("file://" + quote(str(Path(given).expanduser().resolve())))
    for name in tries:
        if name in held:
            return name
    raise InvalidQuery("source", given, "one of this library's: " + (", ".join(held[:20]) or "it has none yet"))


def _read(image: Path, limit: int) -> bytes:
    size = image.stat().st_size
    if size > limit:
        raise ImageUnreadable(f"{image} has {size:,} bytes, over the limit of {limit:,} (setting max_image_bytes)")
    try:
        return image.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{image} cannot be read: {error.strerror or error}") from error
