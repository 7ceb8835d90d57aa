"""Options of `bucketlens search`, and the Query that they make."""

from dataclasses import dataclass
from pathlib import Path

import click

from core.bootstrap import Wiring
from core.commands.options import Option
from core.domain.query import MAX_LIMIT, SORTS, ImageTerm, LikeTerm, Query, Sort, Term, TextTerm, Weights, weighed
from core.errors import InvalidQuery
from core.imaging.query_image import picture_bytes
from core.query_language.parser import compile_terms
from search_ui.commands.filter_options import AskedFilter, filter_options, repeatable

_LISTS = ("image", "caption", "words")
_PICTURE = click.Path(path_type=Path, exists=True, dir_okay=False)


class SearchCommand(click.Command):
    """A command that explains how to search for what looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            typed = [one for one in given if one.startswith(error.option_name) and not one.startswith("--")]
            if not typed:
                raise
            told = (
                f'{typed[0]!r} is no option. Put a question in quotes: {ctx.command_path} "umbrella -red". One that '
                f'begins with a hyphen comes last, after --: {ctx.command_path} --limit 5 -- "-red umbrella"'
            )
            raise click.UsageError(told, ctx) from error


def query_options() -> list[Option]:
    """Return every option that an `Asked` is made of."""
    return [
        click.argument("text", required=False),
        click.option("--raw", is_flag=True, help="Search the very words of TEXT: no operators."),
        click.option("--image", "images", type=_PICTURE, multiple=True, help="Search by this picture. Repeatable."),
        repeatable("--like", "likes", metavar="ID", help="Search by this picture of the library."),
        repeatable("--avoid", "avoided", metavar="TEXT", help="Away from what these words say."),
        click.option("--avoid-image", "avoided_images", type=_PICTURE, multiple=True, help="Away from this picture."),
        repeatable("--unlike", "unlikes", metavar="ID", help="Away from this picture of the library."),
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
        *filter_options(),
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
            "--diversity",
            type=click.FloatRange(0, 1),
            default=0.0,
            help="How unlike each other the first hits are to be; 0: the best match first.",
        ),
        click.option("--exact", is_flag=True, help="Rerank by the copy's whole vectors, where the index is quantised."),
        click.option(
            "--fold/--no-fold", default=True, show_default=True, help="Files of the same bytes are one hit, counted."
        ),
        click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=20, show_default=True, help="How many."),
        click.option(
            "--offset", type=click.IntRange(0, MAX_LIMIT), default=0, show_default=True, help="Skip the first ones."
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(AskedFilter):
    """The options as they were given."""

    text: str | None
    raw: bool
    images: tuple[Path, ...]
    likes: tuple[str, ...]
    avoided: tuple[str, ...]
    avoided_images: tuple[Path, ...]
    unlikes: tuple[str, ...]
    text_weight: float
    image_weight: float
    weigh: tuple[str, ...]
    words_only: bool
    sort: Sort | None
    reverse: bool
    within: int | None
    min_strength: float
    diversity: float
    exact: bool
    fold: bool
    limit: int
    offset: int

    @property
    def title(self) -> str:
        return self.text or ", ".join(image.name for image in self.images) or ", ".join(self.likes) or "newest"

    def query(self, wiring: Wiring) -> Query:
        """Make the query. Raises InvalidQuery, ImageUnreadable, and LibraryError where a source has to be looked up."""
        return Query(
            **compile_terms(self._terms(wiring.settings.decode.max_bytes), self.passing(wiring), raw=self.raw),
            limit=self.limit,
            offset=self.offset,
            weights=self._weights(wiring.settings.ranking.weights),
            sort=self.sort,
            reverse=self.reverse,
            within=self.within,
            min_strength=self.min_strength,
            fold=self.fold,
            diversity=self.diversity,
            exact=self.exact,
        )

    def _terms(self, most_bytes: int) -> tuple[Term, ...]:
        terms: list[Term] = [] if self.text is None else [TextTerm(self.text, self.text_weight)]
        terms += [ImageTerm(picture_bytes(image, most_bytes), self.image_weight) for image in self.images]
        terms += [LikeTerm(image_id, self.image_weight) for image_id in self.likes]
        terms += [TextTerm(text, -1.0) for text in self.avoided]
        terms += [ImageTerm(picture_bytes(image, most_bytes), -1.0) for image in self.avoided_images]
        terms += [LikeTerm(image_id, -1.0) for image_id in self.unlikes]
        return tuple(terms)

    def _weights(self, usual: Weights) -> Weights | None:
        if self.words_only:
            if self.weigh:
                raise click.UsageError("--words-only leaves nothing to weigh: give one of --words-only and --weigh")
            return Weights(0, 0, 1)
        if not self.weigh:
            return None
        weights: dict[str, float] = {}
        for given in self.weigh:
            name, _, number = given.partition("=")
            try:
                weights[_LISTS[_LISTS.index(name)]] = float(number)
            except ValueError as error:
                raise InvalidQuery(
                    "weigh", given, "image=1.5, caption=0 or the like (lists: image, caption, words)"
                ) from error
        return weighed(weights, usual)
