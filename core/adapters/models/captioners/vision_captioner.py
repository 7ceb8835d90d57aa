"""Captioners of transformers: ViT-GPT2 and similar models, BLIP, BLIP-2, GIT and Florence-2, by their config.json."""

import json
import logging
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.files.model_files import ModelFiles, locate, set_environment
from core.adapters.models.text_generation import TextWriter, configure_generation, list_image_tokens, load_writer
from core.domain.ids import model_fingerprint
from core.imaging.decode_request import PixelSpec
from core.ports.encoders import Captioner

log = logging.getLogger(__name__)

MAX_TOKENS = 32
_FLORENCE_PROMPT = "What does the image describe?"  # what its processor makes of the task <CAPTION>
_ENGLISH = "en"
_AT_ONCE = 8  # pictures that a vision tower sees at once on a CPU


def load_captioner(
    name_or_path: str, *, device: str, beams: int = 1, precision: Literal["full", "int8"] = "full"
) -> Captioner:
    """Load a captioner by name or folder. Raises ModelUnavailable.

    `device` is "auto", "cuda", "mps" or "cpu"; "auto" takes the first that is available. On a CPU its linear layers are
    those that were measured to be the fastest, or with the precision "int8" those in int8.
    """
    started = perf_counter()
    files = locate(name_or_path, "captioner")
    try:
        captioner = VisionCaptioner(files, _load_writer(files, device, precision), beams=beams)
    except Exception as error:  # several vendors' exceptions, of every kind: none may pass this line unmapped
        raise files.map_error(error) from error
    log.info("loaded captioner=%s seconds=%.1f", captioner.name, perf_counter() - started)
    return captioner


def _load_writer(files: ModelFiles, device: str, precision: Literal["full", "int8"]) -> TextWriter:
    set_environment()
    from core.adapters.models.captioners.layer_choice import choose_layers
    from core.adapters.models.captioners.linear_layers import get_dtype, replace_linears
    from core.adapters.models.torch_runtime import choose_device

    if choose_device(device).type != "cpu":
        return load_writer(files, device, _class_chooser(files))
    layers = choose_layers(files.folder, model_fingerprint(files.folder), precision)
    writer = load_writer(files, device, _class_chooser(files), dtype=get_dtype(layers))
    replace_linears(writer.model, layers)
    log.info("captioner=%s computes with layers=%s", files.name, layers)
    return writer


def _class_chooser(files: ModelFiles) -> Any:
    composed = files.kind == "vision-encoder-decoder"
    return lambda vendor: vendor.VisionEncoderDecoderModel if composed else vendor.AutoModelForImageTextToText


class VisionCaptioner:
    """A Captioner over a loaded model, with a key-value cache and at most MAX_TOKENS tokens a caption.

    `beams` is the width of the beam search; 1 is greedy. Captions depend on it, so the fingerprint holds it.
    """

    def __init__(self, files: ModelFiles, writer: TextWriter, *, beams: int = 1) -> None:
        self.name = files.name
        self.fingerprint = model_fingerprint(files.folder) + (f"-beams{beams}" if beams > 1 else "")
        self.language: str | None = _read_language(files)
        self._writer = writer
        self._model = writer.model
        self._tokenizer = writer.tokenizer
        self.pixels: PixelSpec = writer.pixels.spec
        self._generation = configure_generation(writer.language, tokens=MAX_TOKENS, beams=beams)
        writer.language.generation_config = self._generation
        self._prompt = _build_prompt(writer)

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        """Caption images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> N captions; "" where there is none."""
        import torch

        if len(pixels) == 0:
            return []
        values = self._writer.pixels.to_tensor(pixels, self._model.device, self._model.dtype)
        prompt = {
            name: torch.tensor([row] * len(values), dtype=torch.long, device=values.device)
            for name, row in self._prompt.items()
        }
        with torch.inference_mode():
            tokens = self._model.generate(**self._look(values), **prompt)
        input_ids = prompt.get("input_ids")
        if input_ids is not None and torch.equal(tokens[:, : input_ids.shape[1]], input_ids):
            tokens = tokens[:, input_ids.shape[1] :]
        return [" ".join(text.split()) for text in self._writer.decode(tokens)]

    def _look(self, values: Any) -> dict[str, Any]:
        """Make what `generate` gets of pictures, (N, 3, S, S).

        A vision tower of its own sees a few at a time: what its layers hand on then stays in the processor's cache.
        """
        if self._model.config.model_type != "vision-encoder-decoder" or values.device.type != "cpu":
            return {"pixel_values": values}
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        seen = [self._model.encoder(pixel_values=part)[0] for part in values.split(_AT_ONCE)]
        return {"encoder_outputs": BaseModelOutput(last_hidden_state=torch.cat(seen))}


def _read_language(files: ModelFiles) -> str:
    """Read the language of the captions from config.json; every kind was published for English."""
    config = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    told = config.get("language")
    return told.lower() if isinstance(told, str) and len(told) == 2 and told.isalpha() else _ENGLISH


def _build_prompt(writer: TextWriter) -> dict[str, list[int]]:
    """Build the language model's input for one image, beside its pixels: rows of token ids and masks.

    Raises ValueError for files that do not tell enough.
    """
    model = writer.model
    config = model.config
    if config.model_type == "vision-encoder-decoder":
        return {"decoder_attention_mask": [1]}
    if config.model_type == "blip-2":
        row = list_image_tokens(model)
        if not config.text_config.is_encoder_decoder:
            row.append(config.text_config.bos_token_id)
    elif config.model_type == "florence2":
        row = [*_list_florence_tokens(writer), *_tokenize_task(writer.tokenizer)]
    else:
        return {}
    return {"input_ids": row, "attention_mask": [1] * len(row)}


def _list_florence_tokens(writer: TextWriter) -> list[int]:
    count = getattr(writer.image_processor, "image_seq_length", None)
    if not isinstance(count, int):
        raise ValueError("its image processor lacks image_seq_length, the number of tokens that stand for a picture")
    return [writer.model.config.image_token_id] * count


def _tokenize_task(tokenizer: Any) -> list[int]:
    text = f"{tokenizer.bos_token}{_FLORENCE_PROMPT}{tokenizer.eos_token}"
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
