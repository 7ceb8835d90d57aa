"""The files of models for those who only look, fetch, verify or measure."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.model_catalog import ModelCard, Role
from core.errors import ModelUnavailable, UsageError
from core.evaluation.speed import BATCH, measure_speed
from core.evaluation.speed import make_pictures as make_pictures
from core.imaging.decode_request import DecodeRequest, PixelSpec
from core.ports.decoder import Decoder
from core.settings import Settings

Progress = Callable[[int, int], None]  # bytes that are here, and bytes in all

if TYPE_CHECKING:
    from core.adapters.models.files.speed_cache import MeasuredSpeed as MeasuredSpeed
    from core.adapters.models.files.verification import Verification as Verification
    from core.adapters.models.runtimes.choices import Choice as Choice
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


def read_runtime(card: ModelCard, settings: Settings) -> "Choice | None":
    """Read which runtime was the fastest for an encoder on this machine; None where that was never measured."""
    from core.adapters.models.encoders.loader import find_fingerprint
    from core.adapters.models.files.model_files import locate
    from core.adapters.models.runtimes.choices import read_choice

    if card.role != "encoder" or card.onnx or find_model(card) is None:
        return None
    try:
        return read_choice(find_fingerprint(locate(card.name, "encoder")), settings.device, settings.precision)
    except (OSError, ValueError, ModelUnavailable):
        return None


def measure_model(
    name: str, role: Role, container: "Container", pictures: list[bytes], seconds: float
) -> "tuple[MeasuredSpeed, Choice | None, str | None]":
    """Measure a model on this machine, an encoder in every runtime first, and keep that.

    Returns it with the choice of a runtime, and with why it could not be kept, if so.

    Raises ModelUnavailable, and ImageError where a picture cannot be decoded.
    """
    from core.adapters.models.files.speed_cache import MeasuredSpeed, keep_speed
    from core.adapters.models.runtimes.encoder import RuntimeEncoder
    from core.bootstrap.factories import load_captioner, load_encoder

    settings, choice = container.settings, None
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if role == "captioner":
        captioner = load_captioner(settings.model_copy(update={"captioner": name}), name)
        run, spec, known, fingerprint = captioner.caption, captioner.pixels, captioner.name, captioner.fingerprint
        speed = measure_speed(run, spec, container.decoder, pictures, seconds=seconds)
    else:
        encoder = load_encoder(name, settings)
        if isinstance(encoder, RuntimeEncoder):
            choice = encoder.measure(_decode(pictures, encoder.pixels, container.decoder))
        known, fingerprint = encoder.name, encoder.fingerprint
        speed = measure_speed(encoder.encode_images, encoder.pixels, container.decoder, pictures, seconds=seconds)
    try:
        return keep_speed(role, known, speed, fingerprint, settings.device, load), choice, None
    except OSError as error:
        return MeasuredSpeed(speed, fingerprint, settings.device, "", load), choice, str(error)


def _decode(pictures: list[bytes], spec: PixelSpec, decoder: Decoder) -> NDArray[np.uint8]:
    """Decode pictures for a model: (N, S, S, 3), up to a batch of them. Raises ImageError."""
    waiting = [decoder.submit(data, DecodeRequest(pixels=spec)) for data in pictures[:BATCH]]
    return np.stack([pixels for future in waiting if (pixels := future.result().pixels) is not None])
