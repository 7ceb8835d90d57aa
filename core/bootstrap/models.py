"""The files of models for those who only look, fetch, verify or measure."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.model_catalog import ModelCard, Role
from core.errors import UsageError
from core.evaluation.speed import make_pictures as make_pictures
from core.evaluation.speed import measure_speed

Progress = Callable[[int, int], None]  # bytes that are here, and bytes in all

if TYPE_CHECKING:
    from core.adapters.models.files.speed_cache import MeasuredSpeed as MeasuredSpeed
    from core.adapters.models.files.verification import Verification as Verification
    from core.bootstrap.container import Container


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where a model is on this disk: its folder, the bytes it takes, and the commit of the hub."""

    folder: Path
    size: int
    commit: str | None


def find_model(card: ModelCard) -> ModelPlace | None:
    """Find all files of a model without any network; None where some are missing."""
    from core.adapters.models.files.snapshot import find_commit, find_local_folder, measure_size

    folder = find_local_folder(card)
    return None if folder is None else ModelPlace(folder, measure_size(folder), find_commit(card))


def find_model_folder(card: ModelCard) -> Path | None:
    """Find the folder of a model of which something is here, complete or not."""
    from core.adapters.models.files.snapshot import find_snapshot

    folder = card.folder or find_snapshot(card)
    return folder if folder is not None and folder.is_dir() else None


def find_role(folder: Path) -> Role:
    """Find what the model of a folder is for, by its files."""
    from core.adapters.models.files.folder_check import find_role as find

    return find(folder)


def fetch_model(card: ModelCard, progress: Progress | None = None) -> Path:
    """Fetch what is missing or damaged of a model; `progress` gets bytes that are here, and in all.

    Raises ModelUnavailable.
    """
    from core.adapters.models.files.hub import fetch

    return fetch(card, progress)


def verify_model(folder: Path, card: ModelCard | None = None) -> "Verification":
    """Verify every file of a model's folder. Raises UsageError where it is none that can be read."""
    from core.adapters.models.files.verification import verify

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    return verify(folder, card)


def record_model(folder: Path) -> None:
    """Record the files of a folder as they are, for later verifications. Raises UsageError."""
    from core.adapters.models.files.manifest import record_folder

    try:
        record_folder(folder)
    except OSError as error:
        raise UsageError(f"the files of {folder} cannot be recorded: {error}") from error


def read_model_speed(card: ModelCard) -> "MeasuredSpeed | None":
    """Read how fast a model was on this machine; None where that was never measured."""
    from core.adapters.models.files.speed_cache import read_speed

    return read_speed(card.role, card.name)


def measure_model(
    name: str, role: Role, container: "Container", pictures: list[bytes], seconds: float
) -> "tuple[MeasuredSpeed, str | None]":
    """Measure a model on this machine, and keep that. Returns it with why it could not be kept, if so.

    Raises ModelUnavailable, and ImageError where a picture cannot be decoded.
    """
    from core.adapters.models.files.speed_cache import MeasuredSpeed, keep_speed
    from core.bootstrap.factories import load_captioner, load_encoder

    settings = container.settings
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if role == "captioner":
        captioner = load_captioner(settings.model_copy(update={"captioner": name}), name)
        run, spec, known, fingerprint = captioner.caption, captioner.pixels, captioner.name, captioner.fingerprint
        speed = measure_speed(run, spec, container.decoder, pictures, seconds=seconds)
    else:
        encoder = load_encoder(name, settings)
        known, fingerprint = encoder.name, encoder.fingerprint
        speed = measure_speed(encoder.encode_images, encoder.pixels, container.decoder, pictures, seconds=seconds)
    try:
        return keep_speed(role, known, speed, fingerprint, settings.device, load), None
    except OSError as error:
        return MeasuredSpeed(speed, fingerprint, settings.device, "", load), str(error)
