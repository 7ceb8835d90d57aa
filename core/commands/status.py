"""What every command shares, and the commands that look at a library: status, failures, models."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click

from core.availability.recall import Recall
from core.bootstrap import Wiring
from core.commands.hints import render_hint, render_message
from core.domain.filters import CAPTIONED, FAILED, INDEXED, UNCAPTIONED
from core.domain.image import ImageRecord
from core.domain.model_catalog import MODELS, ModelCard, Role, names
from core.errors import BucketLensError
from core.errors.hints import BuildMirror
from core.ports.vector_index import VectorIndex
from core.settings import DEFAULT_CAPTIONER, DEFAULT_MODEL, load_settings

F = TypeVar("F", bound=Callable[..., Any])

PAGE = 1000
_ALL_SOURCES = 1_000_000
_FLAGS = "bucketlens.flags"
_DEFAULTS: dict[Role, str] = {"encoder": DEFAULT_MODEL, "captioner": DEFAULT_CAPTIONER}


def data_option(command: F) -> F:
    """Adds --data, and --qdrant-url, which `wire` finds in click's context."""
    server = click.option(
        "--qdrant-url",
        metavar="URL",
        expose_value=False,
        callback=_remember,
        help="Qdrant server that holds the library (default: the folder does).",
    )
    folder = click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the library (default: ./data)."
    )
    return folder(server(command))


def _remember(context: click.Context, parameter: click.Parameter, given: str | None) -> None:
    context.meta[f"{_FLAGS}.{parameter.name}"] = given


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def offline_option(command: F) -> F:
    return click.option("--offline", is_flag=True, help="Ask the library's copy alone (see `bucketlens mirror`).")(
        command
    )


class OneLine(logging.Formatter):
    """One event a line, even where a message or a traceback has several, and nothing that commands a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def wire(**flags: Any) -> Wiring:
    """Wiring from command-line flags (None: not given), with logging set as the settings say."""
    context = click.get_current_context(silent=True)
    url = context.meta.get(f"{_FLAGS}.qdrant_url") if context else None
    settings = load_settings(**{"qdrant_url": url, **flags})
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("time=%(asctime)s level=%(levelname)s logger=%(name)s event=%(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    return Wiring(settings)


@click.command()
@data_option
@json_option
def status(data: Path | None, as_json: bool) -> None:
    """Tell what is in the library: pictures, captions, failures, sources, model, size."""
    with wire(data=data) as wiring:
        found = _status(wiring)
        if as_json:
            click.echo(json.dumps(found))
            return
        images, pending, failed = found["images"], found["pending_captions"], found["failed"]
        click.echo(f"{images:,} pictures can be searched" + (f", {pending:,} wait for a caption" if pending else ""))
        if failed:
            click.echo(f"{failed:,} failed (`bucketlens failures` lists them)")
        for entry in found["sources"]:
            in_all = f"{entry['images']:,} pictures" + (f", {entry['failed']:,} failed" if entry["failed"] else "")
            click.echo(f"  {printable(entry['source'])}: {in_all}")
        click.echo(f"last complete run: {found['last_complete_run'] or 'none yet'}")
        place = f" {wiring.settings.qdrant_url}" if wiring.settings.qdrant_url else ""
        click.echo(f"model {printable(found['model'])}, index {found['backend']}{place}")
        click.echo(_about_mirror(found["mirror"]))
        if found["recall"]:
            click.echo(_about_recall(found["recall"]))
        click.echo(f"{found['bytes_on_disk'] / 1e6:,.1f} MB in {printable(str(wiring.settings.data))}")


def _status(wiring: Wiring) -> dict[str, Any]:
    index = wiring.index
    last = wiring.last_run.latest()
    return {
        "images": index.count(INDEXED),
        "failed": index.count(FAILED),
        "captioned": index.count(CAPTIONED),
        "pending_captions": index.count(UNCAPTIONED),
        "sources": _sources(index),
        "last_complete_run": None if last is None else last.isoformat(),
        "model": index.info.model,
        "fingerprint": index.info.fingerprint,
        "backend": index.backend,
        "mirror": _mirror(wiring),
        "recall": _recall(wiring, index.info.fingerprint),
        "bytes_on_disk": index.size_bytes() + _folder_bytes(wiring.thumbnail_folder),
    }


def _mirror(wiring: Wiring) -> dict[str, Any] | None:
    """The library's copy; None where there is none, its problem alone where it cannot be opened."""
    if not wiring.mirrors.exists():
        return None
    try:
        summary = wiring.mirror.summary()
        as_of, problem = wiring.mirror.as_of.isoformat(), wiring.mirror.health
    except BucketLensError as error:
        return {"problem": render_message(error)}
    return asdict(summary) | {"as_of": as_of, "problem": problem}


def _about_mirror(mirror: dict[str, Any] | None) -> str:
    if mirror is None:
        return "no copy answers while the library cannot (`bucketlens mirror build` makes one)"
    if "points" not in mirror:
        return f"its copy cannot be used: {printable(mirror['problem'])}"
    remark = f"; {printable(mirror['problem'])}; {render_hint(BuildMirror())}" if mirror["problem"] else ""
    return f"copy of {mirror['points']:,} entries as of {mirror['as_of'][:19]}{remark}"


def _recall(wiring: Wiring, fingerprint: str) -> dict[str, Any] | None:
    """Of the page's last searches with this model; None where none was compared."""
    measured_with, samples = wiring.recall_log.read()
    found = Recall.of(samples)
    if found is None or measured_with != fingerprint:
        return None
    warning = wiring.settings.recall_warning
    return asdict(found) | {"warning": warning, "low": found.is_low(warning)}


def _about_recall(recall: dict[str, Any]) -> str:
    told = f"recall@10 {recall['mean']:.3f} in the last {recall['count']:,} searches of the page that were compared"
    if recall["low"]:
        told += f": under {recall['warning']:g}; `exact = true` in the settings has the copy rerank what is found"
    return told


def _sources(index: VectorIndex) -> list[dict[str, Any]]:
    images = dict(index.facet("source", INDEXED, limit=_ALL_SOURCES))
    failed = dict(index.facet("source", FAILED, limit=_ALL_SOURCES))
    return [
        {"source": source, "images": images.get(source, 0), "failed": failed.get(source, 0)}
        for source in sorted(images.keys() | failed.keys())
    ]


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # an ingest may be at work
            continue
    return total


@click.command()
@data_option
@json_option
def failures(data: Path | None, as_json: bool) -> None:
    """List every file that could not be indexed, with its reason."""
    with wire(data=data) as wiring:
        failed = _failed(wiring.index)
        if as_json:
            found = [{"uri": record.uri, "source": record.source, "reason": record.error} for record in failed]
            click.echo(json.dumps({"failures": found}))
            return
        first = next(failed, None)
        if first is None:
            click.echo("No file failed.")
            return
        for record in chain([first], failed):
            reason = render_message(record.error or "no reason on record")
            click.echo(f"{printable(record.uri)}\t{printable(reason)}")


def _failed(index: VectorIndex) -> Iterator[ImageRecord]:
    page = index.scroll(FAILED, limit=PAGE)
    while page:
        yield from page
        page = index.scroll(FAILED, after=page[-1].id, limit=PAGE)


@click.command("models")
@json_option
def list_models(as_json: bool) -> None:
    """List the models that can be used, and which of them are here."""
    with wire() as wiring:
        lines = [_model_line(wiring, card) for card in MODELS]
        if as_json:
            click.echo(json.dumps({"models": lines}))
            return
        for role, option in (("encoder", "--model"), ("captioner", "--captioner")):
            click.echo(f"{role}s ({option} NAME, or {option} FOLDER for a saved model of your own)")
            for line in lines:
                if line["role"] == role:
                    click.echo(_describe(line))


def _model_line(wiring: Wiring, card: ModelCard) -> dict[str, Any]:
    folder = wiring.model_folder(card)
    here = "shipped" if card.folder else "cached"
    return {
        "name": card.name,
        "role": card.role,
        "default": card.name == _DEFAULTS[card.role],
        "dimension": card.dimension,
        "input_px": card.input_px,
        "licence": card.licence,
        "state": here if folder else ("missing" if card.folder else "to be fetched"),
        "folder": str(folder) if folder else None,
        "repository": card.repository,
        "revision": card.revision,
        "remark": card.remark,
    }


def _describe(line: dict[str, Any]) -> str:
    width = max(len(name) for role in _DEFAULTS for name in names(role))
    licences = max(len(card.licence) for card in MODELS)
    dimension = f"{line['dimension']:>4} dimensions" if line["dimension"] else " " * 15
    shape = f"{dimension}  {line['input_px']:>3} px"
    marks = "; ".join(mark for mark in ("default" if line["default"] else "", line["remark"] or "") if mark)
    note = f"  ({marks})" if marks else ""
    return f"  {line['name']:<{width}}  {shape}  {line['licence']:<{licences}}  {line['state']}{note}"


def printable(text: str) -> str:
    """The text with control, format and undecodable characters escaped: names of files must not command a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """As `printable`, for messages of several lines."""
    return "\n".join(map(printable, text.split("\n")))


COMMANDS: list[click.Command] = [status, failures, list_models]
