"""Filter options of commands, and the Filter that they make."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from core.bootstrap import Container
from core.commands.options import Option
from core.domain.filtering.filters import Filter, caption_words
from core.domain.filtering.parser import FILTER_FIELDS, FilterField, parse_filter
from core.domain.query import MAX_LIMIT
from core.errors import InvalidQuery

_FIELDS = {name: field for name, field in FILTER_FIELDS.items() if field.metavar or field.takes == "flag"}
_OPPOSITES = {"incomplete": "complete", "has_text": "no-text"}
_CAPTIONED: dict[str, Mapping[str, object]] = {
    "generated": {"caption_origin": "generated"},
    "human": {"caption_origin": "human"},
    "file": {"caption_origin": "file"},
    "no": {"missing": "caption_origin"},
}
_STATUS = {"indexed": ["indexed"], "failed": ["failed"], "any": ["indexed", "failed"]}


def repeatable(*names: str, help: str, metavar: str = "WORD") -> Option:
    """Make an option that may be given several times."""
    return click.option(*names, metavar=metavar, multiple=True, help=help + " Repeatable.")


def filter_options() -> list[Option]:
    """Make every option that FilterInput reads."""
    return [
        repeatable("--must", help="The caption holds this word."),
        repeatable("--any", "any_of", help="The caption holds one of these."),
        repeatable("--not", "none_of", help="The caption does not hold it."),
        *(_field_option(name, field) for name, field in _FIELDS.items()),
        click.option("--captioned", type=click.Choice(list(_CAPTIONED)), help="Who wrote the caption."),
        click.option("--status", type=click.Choice(list(_STATUS)), help="Failed files too, or alone."),
        click.option(
            "--filter", "filter_json", metavar="JSON", help='Such as {"any": [{"word": "dog"}, {"key": "*.png"}]}.'
        ),
    ]


def _field_option(name: str, field: FilterField) -> Option:
    help = field.description + (" Repeatable." if field.takes == "texts" else "")
    option = f"--{name.replace('_', '-')}"
    if field.takes == "flag":
        return click.option(f"{option}/--{_OPPOSITES[name]}", name, default=None, help=help)
    if field.choices:
        kind = click.Choice(field.choices)
        return click.option(option, name, type=kind, multiple=field.takes == "texts", help=help)
    return click.option(option, name, metavar=field.metavar, multiple=field.takes == "texts", help=help)


@dataclass(frozen=True, kw_only=True)
class FilterInput:
    """The filter options of a command as they were typed; `fields` are those of FILTER_FIELDS that were given."""

    must: tuple[str, ...]
    any_of: tuple[str, ...]
    none_of: tuple[str, ...]
    fields: Mapping[str, str | bool | tuple[str, ...]]
    captioned: str | None
    status: str | None
    filter_json: str | None

    @classmethod
    def take_from(cls, options: dict[str, Any]) -> "FilterInput":
        """Take the filter options out of all options of a command."""
        given = {name: options.pop(name) for name in _FIELDS}
        rest = {name: options.pop(name) for name in cls.__dataclass_fields__ if name != "fields"}
        return cls(fields={name: value for name, value in given.items() if value not in (None, ())}, **rest)

    def filter(self, container: Container) -> Filter:
        """Make the filter. Raises InvalidQuery, and LibraryError where a source has to be looked up."""
        return caption_words(self.must, self.any_of, self.none_of) & self.without_words(container)

    def without_words(self, container: Container) -> Filter:
        """Make the filter of all options but those of caption words. Raises as `filter` does."""
        conditions: list[object] = []
        for name, value in self.fields.items():
            if name == "source" and isinstance(value, tuple):
                conditions.append({name: _source_names(value, container)})
            elif FILTER_FIELDS[name].option_joins == "all" and isinstance(value, tuple):
                conditions += [{name: one} for one in value]
            else:
                conditions.append({name: value})
        if self.captioned:
            conditions.append(_CAPTIONED[self.captioned])
        if self.status:
            conditions.append({"status": _STATUS[self.status]})
        if self.filter_json is not None:
            conditions.append(_read_json(self.filter_json))
        return parse_filter({"all": conditions}) if conditions else Filter()


def _read_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidQuery("filter", text, f"JSON ({error})") from error


def _source_names(given: Sequence[str], container: Container) -> list[str]:
    """The library's names of sources as people name them: by URI, or by the path of a folder."""
    counted = container.failover.ask(lambda index: index.facet("source", limit=MAX_LIMIT))[0]
    known = [source for source, _ in counted]
    return [_source_name(source, known) for source in given]


def _source_name(given: str, known: Sequence[str]) -> str:
    candidates = [given, given.rstrip("/")]
    if "://" not in given:
        candidates.append("file://" + quote(str(Path(os.path.expanduser(given)).resolve())))
    for name in candidates:
        if name in known:
            return name
    raise InvalidQuery("source", given, "one of this library's: " + (", ".join(known[:20]) or "it has none yet"))
