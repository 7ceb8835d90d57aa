"""Loads an encoder of any family, chosen by what its folder holds and never by its name."""

import logging
from time import perf_counter

from core.adapters.models.files.model_files import ModelFiles, locate
from core.adapters.models.onnx.folder import is_onnx_folder
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
    from core.adapters.models.encoders.clip_encoder import load_clip_encoder

    return load_clip_encoder(files, device)
