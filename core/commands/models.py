"""The command `models`: the models that can be used."""

from collections.abc import Iterator
from typing import Any

import click

from core.bootstrap import Container, model_folder
from core.commands.options import json_option, open_container
from core.commands.output import finish
from core.domain.model_catalog import MODELS, ModelCard, Role, names
from core.settings import DEFAULT_CAPTIONER, DEFAULT_MODEL

_DEFAULTS: dict[Role, str] = {"encoder": DEFAULT_MODEL, "captioner": DEFAULT_CAPTIONER}
_OPTIONS: dict[Role, str] = {"encoder": "--model", "captioner": "--captioner", "answerer": "--answerer"}


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the models that can be used, and which of them are here."""
    with open_container() as container:
        rows = [_row(container, card) for card in MODELS]
        finish({"models": rows}, _lines(rows), as_json=as_json)


def _row(container: Container, card: ModelCard) -> dict[str, Any]:
    folder = model_folder(card)
    here = "shipped" if card.folder else "cached"
    return {
        "name": card.name,
        "role": card.role,
        "default": card.name == _DEFAULTS.get(card.role),
        "dimension": card.dimension,
        "input_px": card.input_px,
        "licence": card.licence,
        "state": here if folder else ("missing" if card.folder else "to be fetched"),
        "folder": str(folder) if folder else None,
        "repository": card.repository,
        "revision": card.revision,
        "remark": card.remark,
    }


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for role, option in _OPTIONS.items():
        yield f"{role}s ({option} NAME, or {option} FOLDER for a saved model of your own)"
        yield from (_describe(row) for row in rows if row["role"] == role)


def _describe(row: dict[str, Any]) -> str:
    width = max(len(name) for role in _OPTIONS for name in names(role))
    licences = max(len(card.licence) for card in MODELS)
    dimension = f"{row['dimension']:>4} dimensions" if row["dimension"] else " " * 15
    shape = f"{dimension}  {row['input_px']:>3} px"
    marks = "; ".join(mark for mark in ("default" if row["default"] else "", row["remark"] or "") if mark)
    remark = f"  ({marks})" if marks else ""
    return f"  {row['name']:<{width}}  {shape}  {row['licence']:<{licences}}  {row['state']}{remark}"
