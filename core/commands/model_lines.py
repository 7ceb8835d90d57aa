"""Models as rows for programs, and as lines for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.bootstrap.models import find_model, read_model_speed, read_runtime
from core.domain.model_catalog import MODELS, ModelCard, Role
from core.settings import DEFAULT_CAPTIONER, DEFAULT_MODEL, Settings
from core.text.sanitize import printable

if TYPE_CHECKING:
    from core.bootstrap.models import Choice, MeasuredSpeed

_DEFAULTS: dict[Role, str] = {"encoder": DEFAULT_MODEL, "captioner": DEFAULT_CAPTIONER}
_HEADINGS: dict[Role, str] = {
    "encoder": "encoders (--model NAME, or --model FOLDER for a saved model of your own)",
    "captioner": "captioners (--captioner NAME, or --captioner FOLDER for a saved model of your own)",
    "answerer": "answerers of questions (--answerer NAME, or --answerer FOLDER for a saved model of your own)",
}
_UNPINNED = "revision not pinned: recorded at fetch"


def to_row(card: ModelCard, settings: Settings) -> dict[str, Any]:
    """Tell all that is known of a model: what the table says, where it is here, and how fast it was here."""
    place, speed = find_model(card), read_model_speed(card)
    here = "shipped" if card.folder else "cached"
    return {
        "name": card.name,
        "role": card.role,
        "aliases": list(card.aliases),
        "default": card.name == _DEFAULTS.get(card.role),
        "dimension": card.dimension,
        "input_px": card.input_px,
        "languages": card.languages,
        "licence": card.licence,
        "parameters": card.parameters,
        "runtime": "onnx" if card.onnx else "torch",
        "state": here if place else ("missing" if card.folder else "to be fetched"),
        "folder": str(place.folder) if place else None,
        "bytes_to_fetch": 0 if place or card.folder else card.size,
        "bytes_on_disk": place.size if place else 0,
        "repository": card.repository,
        "revision": card.revision,
        "commit": place.commit if place else None,
        "image_tower": card.image_tower,
        "recall": {"figures": card.recall.figures, "source": card.recall.source} if card.recall else None,
        "speed": to_speed(speed) if speed else None,
        "runtimes": to_runtimes(read_runtime(card, settings)),
        "remark": card.remark,
    }


def to_speed(measured: "MeasuredSpeed") -> dict[str, Any]:
    """Tell a measured speed, in pictures a second."""
    return {
        "model_per_s": round(measured.speed.model, 2),
        "whole_per_s": round(measured.speed.whole, 2),
        "batch": measured.speed.batch,
        "device": measured.device,
        "load": round(measured.load, 2),
        "measured": measured.measured or None,
    }


def to_runtimes(choice: "Choice | None") -> dict[str, Any] | None:
    """Tell which runtime won on this machine, and what each that was tried took of the CPU for a picture."""
    if choice is None:
        return None
    return {
        "chosen": choice.runtime,
        "milliseconds": choice.milliseconds,
        "cosines": choice.cosines,
        "refused": choice.refused,
        "versions": choice.versions,
        "measured": choice.measured,
    }


def describe_runtimes(runtimes: dict[str, Any] | None) -> Iterator[str]:
    """Describe the runtimes that were tried: what won, then a line for each."""
    if runtimes is None:
        return
    yield f"  pictures are encoded by {runtimes['chosen']} on this machine"
    for name, taken in sorted(runtimes["milliseconds"].items(), key=lambda item: item[1]):
        cosine = runtimes["cosines"].get(name, 0.0)
        yield f"  {taken:>8.1f} ms a picture  {name:<20}  cosine {cosine:.5f}"
    for name, reason in runtimes["refused"].items():
        yield printable(f"  {'not taken':>21}  {name:<20}  {reason}")


def describe_models(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Describe rows of models by role: a line with what they are, and one or two with what is known of them."""
    for role, heading in _HEADINGS.items():
        if mine := [row for row in rows if row["role"] == role]:
            yield heading
            yield from (line for row in mine for line in _describe(row))


def describe_speed(speed: dict[str, Any]) -> str:
    """Describe a measured speed in a few words."""
    return (
        f"{speed['model_per_s']:g} pictures/s by the model alone, {speed['whole_per_s']:g} with decoding "
        f"(device {speed['device']}, load {speed['load']:g})"
    )


def describe_verification(row: dict[str, Any]) -> Iterator[str]:
    """Describe what was found of one model's files, a line for each."""
    by = row["compared_with"]
    verdict = ("sound" if by else "no flaw found") if row["sound"] else "NOT SOUND"
    compared = f"compared with {by}" if by else "nothing is on record to compare with"
    yield printable(f"{row['name']}: {verdict}, {compared}; {row['folder']}")
    for file in row["files"]:
        yield printable(f"  {file['state']:<9}  {file['path']}" + (f": {file['detail']}" if file["detail"] else ""))


def _describe(row: dict[str, Any]) -> Iterator[str]:
    width = max(len(card.name) for card in MODELS)
    licences = max(len(card.licence) for card in MODELS)
    dimension = f"{row['dimension']:>4} dimensions" if row["dimension"] else " " * 15
    parameters = f"{row['parameters'] / 1e6:>5,.0f} M" if row["parameters"] else " " * 7
    marks = "; ".join(mark for mark in ("default" if row["default"] else "", row["remark"] or "") if mark)
    remark = f"  ({marks})" if marks else ""
    yield (
        f"  {row['name']:<{width}}  {dimension}  {row['input_px']:>3} px  {parameters}  {row['licence']:<{licences}}  "
        f"{_describe_place(row)}{remark}"
    )
    recall = row["recall"]
    yield f"      {row['languages']}" + (f"; {recall['figures']} ({recall['source']})" if recall else "")
    facts = [f"measured here: {describe_speed(row['speed'])}"] if row["speed"] else []
    if row["runtimes"]:
        facts.append(f"pictures by {row['runtimes']['chosen']}")
    if row["folder"]:
        facts.append(f"in {row['folder']}")
    if row["repository"] and row["revision"] is None:
        facts.append(f"commit {row['commit']}" if row["commit"] else _UNPINNED)
    if facts:
        yield printable(f"      {'; '.join(facts)}")


def _describe_place(row: dict[str, Any]) -> str:
    if row["folder"]:
        return f"{row['state']}, {row['bytes_on_disk'] / 1e6:,.0f} MB"
    return (
        f"{row['state']}, about {row['bytes_to_fetch'] / 1e6:,.0f} MB" if row["bytes_to_fetch"] else str(row["state"])
    )
