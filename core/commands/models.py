"""The command `models`: the models that can be used. It lists, fetches, verifies and measures them."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from core.bootstrap import models as model_files
from core.commands.model_lines import (
    describe_models,
    describe_runtimes,
    describe_speed,
    describe_verification,
    to_row,
    to_runtimes,
    to_speed,
)
from core.commands.options import json_option, open_container
from core.commands.output import finish, print_note
from core.domain import model_catalog
from core.domain.model_catalog import SETTING, ModelCard, Role
from core.errors import ModelUnavailable, UsageError
from core.errors.hints import Advice, ChooseModel
from core.settings import DEFAULT_CAPTIONER, DEFAULT_MODEL, DEMO, Settings

if TYPE_CHECKING:
    from core.bootstrap.models import Progress, Verification

_MADE_PICTURES = 16
_MOST_PICTURES = 256  # of a folder: they are held in memory, and taken in turn
_PICTURES = {".jpg", ".jpeg", ".png", ".webp"}


@click.group(invoke_without_command=True)
@click.option("--search", metavar="WORDS", help="Only those with all these words in name, role, languages or licence.")
@json_option
@click.pass_context
def models(context: click.Context, search: str | None, as_json: bool) -> None:
    """List the models that can be used, and which of them are here. Its own commands fetch, verify and measure them."""
    if context.invoked_subcommand is not None:
        return
    with open_container() as container:
        found = list(model_catalog.MODELS) if search is None else model_catalog.search(search)
        rows = [to_row(card, container.settings) for card in found]
        remarks = [] if rows else [f"no model of the table has all these words: {search}"]
        finish({"models": rows}, describe_models(rows), remarks, as_json=as_json)


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch models from the Hugging Face hub, or what is missing or damaged of them; by default those of the settings.

    What had come before a stop is kept: the same command goes on from there. Every file is compared with the hash that
    the hub has of it. Pickles and code of repositories are never taken.
    """
    with open_container() as container:
        cards = [card for name in names for card in _find(name)] if names else _find_those_of(container.settings)
    fetched: list[dict[str, Any]] = []
    for card in _leave_out_copies(cards):
        with _show_progress(card, quiet=as_json) as progress:
            folder = model_files.fetch_model(card, progress)
        place = model_files.find_model(card)
        assert place is not None, folder
        fetched.append(
            {"name": card.name, "role": card.role, "folder": str(folder), "commit": place.commit, "bytes": place.size}
        )
    lines = (f"{row['role']} {row['name']} is here: {row['bytes'] / 1e6:,.0f} MB in {row['folder']}" for row in fetched)
    finish({"models": fetched}, lines, as_json=as_json)


@models.command()
@click.argument("targets", nargs=-1, metavar="[NAME|FOLDER]...")
@click.option("--record", is_flag=True, help="Record the files of a FOLDER as they are now, for later verifications.")
@json_option
def verify(targets: tuple[str, ...], record: bool, as_json: bool) -> None:
    """Compare the files of models with what was fetched or recorded; by default of all models that are here.

    A file is ok, changed, missing or forbidden: a pickle, code, or a link that leads outside. Ends with 1 unless all
    are ok.
    """
    with open_container():
        found = [one for target in targets for one in _verify(target, record)] if targets else _verify_all()
    result = [
        {
            "name": name,
            "folder": str(one.folder),
            "compared_with": one.recorded,
            "sound": one.sound,
            "files": [{"path": file.path, "state": file.state, "detail": file.detail} for file in one.files],
        }
        for name, one in found
    ]
    sound = all(one.sound for _, one in found)
    lines = (line for row in result for line in describe_verification(row))
    fetched = any(not one.sound and model_catalog.find_all(name) for name, one in found)
    remarks = ["`bucketlens models fetch NAME` brings what is missing or changed of a model anew"] if fetched else []
    finish({"models": result, "sound": sound}, lines, remarks, as_json=as_json, exit_code=0 if sound else 1)


@models.command()
@click.argument("target", metavar="NAME|FOLDER")
@click.option(
    "--role",
    type=click.Choice(["encoder", "captioner"]),
    help="What a NAME of both roles is measured as (default: as encoder).",
)
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=5.0, help="How long to measure, of each of two kinds."
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of pictures to decode, its first 256 (default: made ones of 1280 × 960 pixels).",
)
@json_option
def measure(target: str, role: str | None, seconds: float, pictures: Path | None, as_json: bool) -> None:
    """Measure how many pictures a second a model takes on this machine, and keep that for `bucketlens models`.

    An encoder is tried in every runtime that is installed, and the fastest with the same answers encodes pictures from
    then on. Then the model alone in batches of 32, and with decoding before it. Other work on the machine makes it
    slower: the load average is kept too.
    """
    with open_container() as container:
        chosen: Role = cast(Role, role) if role else _choose_role(target)
        if chosen not in ("encoder", "captioner"):
            raise UsageError(f"{target} is neither encoder nor captioner, and those alone are measured")
        card = model_catalog.find(target, chosen)
        if card is not None:
            _place(card)
        given = _read_pictures(pictures)
        measured, choice, trouble = model_files.measure_model(target, chosen, container, given, seconds)
        if trouble:
            print_note(f"the figures could not be kept: {trouble}")
        row = {"name": target, "role": chosen, **to_speed(measured), "runtimes": to_runtimes(choice)}
        finish(row, [f"{target}: {describe_speed(row)}", *describe_runtimes(row["runtimes"])], as_json=as_json)


def _find(name: str) -> list[ModelCard]:
    if found := model_catalog.find_all(name):
        return found
    known = ", ".join(dict.fromkeys(card.name for card in model_catalog.MODELS))
    raise UsageError(f"there is no model {name!r} in the table ({known})")


def _find_those_of(settings: Settings) -> list[ModelCard]:
    """Find the models that the settings name, of those that are no folders."""
    encoder = settings.model or DEFAULT_MODEL
    captioner = settings.captioner or (DEMO if encoder == DEMO else DEFAULT_CAPTIONER)
    found = []
    wanted: list[tuple[str, Role]] = [(encoder, "encoder"), (captioner, "captioner")]
    if settings.answerer:
        wanted.append((settings.answerer, "answerer"))
    for name, role in wanted:
        card = model_catalog.find(name, role)
        if card is not None:
            found.append(card)
        elif not Path(name).is_dir():
            known = ", ".join(model_catalog.names(role))
            raise UsageError(f"{name!r} is no folder, and no {role} of the table ({known})")
    return found


def _leave_out_copies(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Leave out the entries whose files an earlier one has: a model of two roles is fetched and verified once."""
    return list({(card.repository, card.revision, card.folder): card for card in reversed(list(cards))}.values())[::-1]


def _verify(target: str, record: bool) -> "list[tuple[str, Verification]]":
    cards = model_catalog.find_all(target)
    if record and cards:
        raise UsageError("--record is for folders: models of the table are recorded when they are fetched")
    if cards:
        return [(card.name, model_files.verify_model(_place(card), card)) for card in _leave_out_copies(cards)]
    folder = Path(os.path.expanduser(target))
    if not folder.is_dir():
        raise UsageError(f"{target} is no folder, and no model of the table", Advice("see `bucketlens models`"))
    if record:
        model_files.record_model(folder)
    return [(target, model_files.verify_model(folder))]


def _verify_all() -> "list[tuple[str, Verification]]":
    places = [(card, model_files.find_model_folder(card)) for card in _leave_out_copies(model_catalog.MODELS)]
    return [(card.name, model_files.verify_model(folder, card)) for card, folder in places if folder]


def _place(card: ModelCard) -> Path:
    """Return the folder of a model of which something is here. Raises ModelUnavailable."""
    if folder := model_files.find_model_folder(card):
        return folder
    setting = SETTING[card.role]
    raise ModelUnavailable(card.name, "it is not here", ChooseModel(setting, card.name), setting=setting)


def _choose_role(target: str) -> Role:
    cards = model_catalog.find_all(target)
    return cards[0].role if cards else model_files.find_role(Path(os.path.expanduser(target)))


def _read_pictures(folder: Path | None) -> list[bytes]:
    if folder is None:
        return model_files.make_pictures(_MADE_PICTURES)
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _PICTURES and path.is_file()]
    try:
        found = [path.read_bytes() for path in paths[:_MOST_PICTURES]]
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    if not found:
        raise UsageError(f"{folder} holds no picture ({', '.join(sorted(_PICTURES))})")
    return found


@contextmanager
def _show_progress(card: ModelCard, *, quiet: bool) -> "Iterator[Progress | None]":
    """Draw how far a fetch is on a terminal; elsewhere nothing is drawn."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda here, everything: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(card.name, total=card.size)
        yield lambda here, everything: bars.update(task, completed=here, total=everything)
