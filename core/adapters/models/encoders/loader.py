"""Loads an encoder of any family, chosen by what its folder holds and never by its name."""

import hashlib
import logging
from pathlib import Path
from time import perf_counter

from core.adapters.models.encoders import open_clip_model, sentence_transformer, transformers_model
from core.adapters.models.encoders.clip_encoder import ClipEncoder
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
from core.domain.ids import combine_fingerprints, model_fingerprint
from core.ports.encoders import Encoder

log = logging.getLogger(__name__)


def load_encoder(name_or_path: str, *, device: str) -> Encoder:
    """Load an encoder by name or folder. Raises ModelUnavailable.

    `device` is "auto", "cuda", "mps" or "cpu"; "auto" takes the first that is available.
    """
    started = perf_counter()
    files = locate(name_or_path, "encoder")
    try:
        encoder = _load(files, device)
    except Exception as error:  # several vendors' exceptions, of every kind: none may pass this line unmapped
        raise files.map_error(error) from error
    seconds = perf_counter() - started
    log.info("loaded encoder=%s dimension=%d seconds=%.1f", encoder.name, encoder.dimension, seconds)
    return encoder


def _load(files: ModelFiles, device: str) -> Encoder:
    if is_onnx_folder(files.folder):
        from core.adapters.models.onnx.encoder import load_onnx_encoder

        return load_onnx_encoder(files, device=device)
    set_environment()
    if files.card is not None and files.card.image_tower is not None:
        image_folder = locate(files.card.image_tower, "encoder").folder
        return _combine(files, image_folder, files.folder, device)
    if find_layout(files.folder) == "two-towers":
        return _combine(files, files.folder / IMAGE_TOWER, files.folder / TEXT_TOWER, device)
    image, text = _load_towers(files.folder, device)
    return ClipEncoder(files.name, _fingerprint(files.folder), image, text, remark=files.remark)


def _combine(files: ModelFiles, image_folder: Path, text_folder: Path, device: str) -> Encoder:
    """Combine the image tower of one folder with the text tower of another, which was trained into its space."""
    image, _ = _load_towers(image_folder, device)
    text = sentence_transformer.load_text_tower(text_folder, device)
    fingerprint = combine_fingerprints(_fingerprint(image_folder), _fingerprint(text_folder))
    encoder = ClipEncoder(files.name, fingerprint, image, text, remark=files.remark)
    encoder.check_shared_space()
    return encoder


def _load_towers(folder: Path, device: str) -> tuple[ImageTower, TextTower]:
    match find_layout(folder):
        case "open-clip":
            return open_clip_model.load_towers(folder, device)
        case "transformers":
            return transformers_model.load_towers(find_model_folder(folder), device)
        case _:
            return sentence_transformer.load_towers(folder, device)


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
