"""Filter options of commands, and the Filter that they make."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import click

from core.bootstrap import Wiring
from core.commands.options import Option
from core.domain.conditions import KeyGlob, KeyPrefix, Match, Missing, Phrase
from core.domain.filter_parser import between, during, filter_of
from core.domain.filters import Condition, Filter, Orientation, caption_words, oriented
from core.domain.query import MAX_LIMIT
from core.errors import InvalidQuery


def repeatable(*names: str, help: str, metavar: str = "WORD") -> Option:
    return click.option(*names, metavar=metavar, multiple=True, help=help + " Repeatable.")


def _span(name: str, variable: str, help: str) -> Option:
    return click.option(name, variable, metavar="RANGE", help=help)


def filter_options() -> list[Option]:
    """Return every option that an `AskedFilter` is made of."""
    return [
        repeatable("--must", help="The caption holds this word."),
        repeatable("--any", "any_of", help="The caption holds one of these."),
        repeatable("--not", "none_of", help="The caption does not hold it."),
        repeatable("--phrase", "phrases", metavar="TEXT", help="The caption says exactly this, word by word."),
        repeatable("--source", "sources", metavar="SOURCE", help="From this folder or bucket; of several, from any."),
        click.option("--prefix", metavar="KEY", help="The path within the source begins with this."),
        click.option(
            "--key", metavar="PATTERN", help="The path within the source fits it, case aside: * ? [abc]; * takes in /."
        ),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFilter:
    """The filter options as they were given."""

    must: tuple[str, ...]
    any_of: tuple[str, ...]
    none_of: tuple[str, ...]
    phrases: tuple[str, ...]
    sources: tuple[str, ...]
    prefix: str | None
    key: str | None
    taken: str | None
    modified: str | None
    width: str | None
    height: str | None
    aspect: str | None
    orientations: tuple[Orientation, ...]
    captioned: str | None
    status: str | None
    filter_json: str | None

    def passing(self, wiring: Wiring) -> Filter:
        """Make the filter. Raises InvalidQuery, and LibraryError where a source has to be looked up."""
        return caption_words(self.must, self.any_of, self.none_of) & self.conditions(wiring)

    def conditions(self, wiring: Wiring) -> Filter:
        """Make the filter without the conditions on caption words."""
        found: list[Condition] = [Phrase(phrase) for phrase in self.phrases]
        if self.sources:
            known = wiring.failover.ask(lambda index: index.facet("source", limit=MAX_LIMIT))[0]
            held = [source for source, _ in known]
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


def _source(given: str, held: Sequence[str]) -> str:
    """Return the library's name of a source that is given by its URI, or by the path of a folder."""
    tries = [given, given.rstrip("/")]
    if "://" not in given:
        tries.append("file://" + quote(str(Path(given).expanduser().resolve())))
    for name in tries:
        if name in held:
            return name
    raise InvalidQuery("source", given, "one of this library's: " + (", ".join(held[:20]) or "it has none yet"))
