"""Loads an encoder of any family, chosen by what its folder holds and never by its name."""

import hashlib
import logging
from pathlib import Path
from time import perf_counter

import numpy as np

from core.adapters.models.encoders import open_clip_model, sentence_transformer, transformers_model
from core.adapters.models.encoders.towers import ImageTower, TextTower
from core.adapters.models.files.folder_layout import (
    IMAGE_TOWER,
    TEXT_TOWER,
    find_layout,
    find_model_folder,
    read_kind,
)
from core.adapters.models.files.model_files import ModelFiles, locate, set_environment
from core.adapters.models.onnx.folder import is_onnx_folder
from core.adapters.models.runtimes.encoder import RuntimeEncoder
from core.adapters.models.runtimes.lazy_towers import LazyTowers, Precision, RuntimeOptions, TorchTowers
from core.domain.ids import combine_fingerprints, model_fingerprint
from core.errors import ModelUnavailable
from core.ports.encoders import Encoder

log = logging.getLogger(__name__)


def load_encoder(name_or_path: str, *, device: str, precision: Precision = "full", runtime: str = "auto") -> Encoder:
    """Load an encoder by name or folder. Raises ModelUnavailable.

    `device` is "auto", "cuda", "mps" or "cpu"; "auto" takes the first that is available. `precision` "int8" allows
    vectors that are a little off. `runtime` is one of RUNTIMES, or "auto" for what was measured to be the fastest.
    A model that was loaded on this machine before is loaded tower by tower, when each is needed.
    """
    started = perf_counter()
    files = locate(name_or_path, "encoder")
    try:
        encoder = _load(files, RuntimeOptions(device, precision, runtime))
    except Exception as error:  # several vendors' exceptions, of every kind: none may pass this line unmapped
        raise _map_error(files, error) from error
    seconds = perf_counter() - started
    log.info("loaded encoder=%s dimension=%d seconds=%.1f", encoder.name, encoder.dimension, seconds)
    return encoder


def find_fingerprint(files: ModelFiles) -> str:
    """Find the fingerprint of an encoder, for which no model library is needed. Raises OSError and ValueError."""
    prints = [_fingerprint(folder) for folder in _folders(files)]
    return prints[0] if len(prints) == 1 else combine_fingerprints(*prints)


def _load(files: ModelFiles, options: RuntimeOptions) -> Encoder:
    if is_onnx_folder(files.folder):
        from core.adapters.models.onnx.encoder import load_onnx_encoder

        return load_onnx_encoder(files, device=options.device)
    set_environment()

    def load(device: str, dtype: str | None) -> TorchTowers:
        try:
            return _load_towers(_folders(files), device, dtype)
        except Exception as error:  # as above: a tower may be loaded long after its encoder
            raise _map_error(files, error) from error

    fingerprint = find_fingerprint(files)
    return RuntimeEncoder(files, fingerprint, LazyTowers(fingerprint, load, options))


def _map_error(files: ModelFiles, error: Exception) -> ModelUnavailable:
    return error if isinstance(error, ModelUnavailable) else files.map_error(error)


def _folders(files: ModelFiles) -> list[Path]:
    """List the folders of a model: one of both towers, or that of the pictures' and that of the texts'."""
    if files.card is not None and files.card.image_tower is not None:
        return [locate(files.card.image_tower, "encoder").folder, files.folder]
    if find_layout(files.folder) == "two-towers":
        return [files.folder / IMAGE_TOWER, files.folder / TEXT_TOWER]
    return [files.folder]


def _load_towers(folders: list[Path], device: str, dtype: str | None) -> TorchTowers:
    image, text = _load_folder(folders[0], device, dtype)
    if len(folders) == 1:
        return image, text
    other = sentence_transformer.load_text_tower(folders[1], device, dtype)
    _check_shared_space(image, other)
    return image, other


def _check_shared_space(image: ImageTower, text: TextTower) -> None:
    """Check that both towers give vectors of one length. Raises ValueError."""
    side = image.spec.size
    pictures = image.encode(np.zeros((1, side, side, 3), np.uint8)).shape[1]
    texts = text.encode(["a"]).shape[1]
    if pictures != texts:
        raise ValueError(
            f"its image tower gives vectors of {pictures} numbers, its text tower of {texts}; take two towers of one "
            "space"
        )


def _load_folder(folder: Path, device: str, dtype: str | None) -> TorchTowers:
    match find_layout(folder):
        case "open-clip":
            return open_clip_model.load_towers(folder, device, dtype)
        case "transformers":
            return transformers_model.load_towers(find_model_folder(folder), device, dtype)
        case _:
            return sentence_transformer.load_towers(folder, device, dtype)


def _fingerprint(folder: Path) -> str:
    """Make the fingerprint of a folder, with the files that say how texts are prepared where we prepare them."""
    own = model_fingerprint(folder)
    kind = find_layout(folder)
    model_folder = find_model_folder(folder)
    if kind == "sentence-transformers" or (
        kind == "transformers" and read_kind(model_folder / "config.json") == "clip"
    ):
        return own
    paths = [model_folder / name for name in _PREPARATION if (model_folder / name).is_file()]
    digests = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]
    return combine_fingerprints(own, *digests)


_PREPARATION = ("open_clip_config.json", "special_tokens_map.json", "spiece.model", "tokenizer_config.json")
