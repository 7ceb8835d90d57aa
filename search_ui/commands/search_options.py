"""Options of `bucketlens search`, and the Query that they make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

from core.bootstrap import Container
from core.commands.options import Option
from core.domain.query import (
    OPTIONS,
    ImageTerm,
    LikeTerm,
    OptionSpec,
    Query,
    QueryOptions,
    Term,
    TextTerm,
    Weights,
)
from core.errors import InvalidQuery
from core.imaging.query_image import read_picture
from core.search.request import build_query
from search_ui.commands.filter_options import FilterInput, filter_options, repeatable

_LISTS = tuple(Weights.__dataclass_fields__)
_PICTURE = click.Path(path_type=Path, exists=True, dir_okay=False)


class SearchCommand(click.Command):
    """A command that explains an operator of a question which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            typed = [one for one in given if one.startswith(error.option_name) and not one.startswith("--")]
            if not typed:
                raise
            message = (
                f'{typed[0]!r} is no option. Put a question in quotes: {ctx.command_path} "umbrella -red". One that '
                f'begins with a hyphen comes last, after --: {ctx.command_path} --limit 5 -- "-red umbrella"'
            )
            raise click.UsageError(message, ctx) from error


def query_options() -> list[Option]:
    """Make every option that SearchInput reads."""
    return [
        click.argument("question", metavar="[TEXT]", required=False),
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
            help=f"How much a list counts: {', '.join(_LISTS)}; the others as set. Repeatable.",
        ),
        click.option("--words-only", is_flag=True, help="Rank by the words of captions alone; needs no model."),
        *filter_options(),
        *(_query_option(option) for option in OPTIONS),
    ]


def _query_option(option: OptionSpec) -> Option:
    """Make the command's option of one of the QueryOptions: a flag, a choice or a number in its range."""
    name = "--" + option.name.replace("_", "-")
    if option.type is bool:
        names = f"{name}/--no-{name[2:]}" if option.default else name
        return click.option(
            names, is_flag=True, default=option.default, show_default=option.default, help=option.description
        )
    return click.option(
        name,
        type=_click_type(option),
        default=option.default,
        show_default=option.default is not None,
        help=option.description,
    )


def _click_type(option: OptionSpec) -> click.ParamType[Any]:
    if get_origin(option.type) is Literal:
        return click.Choice(get_args(option.type))
    if option.type is int:
        return click.IntRange(option.low, option.high)
    return click.FloatRange(option.low, option.high)


@dataclass(frozen=True, kw_only=True)
class SearchInput:
    """The options of a search as they were typed."""

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
    filter: FilterInput
    options: QueryOptions

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> "SearchInput":
        """Read what click parsed of `query_options`."""
        rest = dict(options)
        chosen = QueryOptions(**{option.name: rest.pop(option.name) for option in OPTIONS})
        passing = FilterInput.take_from(rest)  # whose option --text is another than TEXT
        return cls(text=rest.pop("question"), filter=passing, options=chosen, **rest)

    @property
    def title(self) -> str:
        """What is searched for, in words."""
        return self.text or ", ".join(image.name for image in self.images) or ", ".join(self.likes) or "newest"

    def query(self, container: Container) -> Query:
        """Make the Query. Raises InvalidQuery, ImageUnreadable, and LibraryError where a source is looked up."""
        return build_query(
            self._terms(container.settings.decode.max_bytes),
            self.filter.filter(container),
            raw=self.raw,
            weights=self._weights(),
            default_weights=container.settings.ranking.weights,
            options=self.options,
        )

    def _terms(self, max_bytes: int) -> tuple[Term, ...]:
        terms: list[Term] = [] if self.text is None else [TextTerm(self.text, self.text_weight)]
        terms += [ImageTerm(read_picture(image, max_bytes), self.image_weight) for image in self.images]
        terms += [LikeTerm(image_id, self.image_weight) for image_id in self.likes]
        terms += [TextTerm(text, -1.0) for text in self.avoided]
        terms += [ImageTerm(read_picture(image, max_bytes), -1.0) for image in self.avoided_images]
        terms += [LikeTerm(image_id, -1.0) for image_id in self.unlikes]
        return tuple(terms)

    def _weights(self) -> Weights | dict[str, float] | None:
        if self.words_only:
            if self.weigh:
                raise click.UsageError("--words-only leaves nothing to weigh: give one of --words-only and --weigh")
            return Weights.only(words=1.0)
        weights: dict[str, float] = {}
        for given in self.weigh:
            name, _, number = given.partition("=")
            try:
                weights[_LISTS[_LISTS.index(name)]] = float(number)
            except ValueError as error:
                raise InvalidQuery(
                    "weigh", given, f"image=1.5, caption=0 or the like (lists: {', '.join(_LISTS)})"
                ) from error
        return weights or None
