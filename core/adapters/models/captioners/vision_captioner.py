"""Captioners of transformers: ViT-GPT2 and similar models, BLIP, BLIP-2 and GIT, by the folder's config.json."""

import copy
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.files.model_files import ModelFiles, locate, set_environment
from core.domain.ids import model_fingerprint
from core.imaging.decoder import PixelSpec
from core.ports.encoders import Captioner

if TYPE_CHECKING:
    from core.adapters.models.torch_runtime import PixelInput

log = logging.getLogger(__name__)

MAX_TOKENS = 32
_DANGLING = frozenset("a an the and or of with in on at to by for from near next".split())

_JOINING = frozenset(["and", "with", "or", "&"])
_REPEATABLE = frozenset("again around down more on out over round through up".split())  # "over and over"
_MARKS = ".,;:-"


def load_captioner(name_or_path: str, *, device: str, beams: int = 1) -> Captioner:
    """Load a captioner by name or folder. Raises ModelUnavailable.

    `device` is "auto", "cuda", "mps" or "cpu"; "auto" takes the first that is available.
    """
    started = perf_counter()
    files = locate(name_or_path, "captioner")
    try:
        captioner = VisionCaptioner(files, *_load(files, device), beams=beams)
    except Exception as error:  # several vendors' exceptions, of every kind: none may pass this line unmapped
        raise files.map_error(error) from error
    log.info("loaded captioner=%s seconds=%.1f", captioner.name, perf_counter() - started)
    return captioner


def _load(files: ModelFiles, device: str) -> "tuple[Any, Any, PixelInput]":
    set_environment()
    from core.adapters.models.torch_runtime import (
        check_complete,
        choose_device,
        choose_dtype,
        read_pixel_input,
        silence_loading,
    )

    chosen = choose_device(device)
    folder = str(files.folder)
    with silence_loading() as reports:
        import transformers

        vendor: Any = transformers  # its typing is partial
        composed = files.kind == "vision-encoder-decoder"
        classes = vendor.VisionEncoderDecoderModel if composed else vendor.AutoModelForImageTextToText
        model = classes.from_pretrained(
            folder,
            dtype=choose_dtype(chosen),
            local_files_only=True,
            use_safetensors=files.safetensors,
            weights_only=True,
        )
        processor = vendor.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        tokenizer = vendor.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    check_complete(reports)
    return model.to(chosen).eval(), tokenizer, read_pixel_input(processor)


class VisionCaptioner:
    """A Captioner over a loaded model, with a key-value cache and at most MAX_TOKENS tokens a caption.

    `beams` is the width of the beam search; 1 is greedy. Captions depend on it, so the fingerprint holds it.
    """

    def __init__(self, files: ModelFiles, model: Any, tokenizer: Any, pixels: "PixelInput", *, beams: int = 1) -> None:
        self.name = files.name
        self.fingerprint = model_fingerprint(files.folder) + (f"-beams{beams}" if beams > 1 else "")
        self._model = model
        self._tokenizer = tokenizer
        self._input = pixels
        self.pixels: PixelSpec = pixels.spec
        language = getattr(model, "text_decoder", None) or getattr(model, "language_model", None) or model
        language.generation_config = self._generation = _configure_generation(language, beams)
        self._prompt = _build_prompt(model)

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        """Caption images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> N captions; "" where there is none."""
        import torch

        if len(pixels) == 0:
            return []
        values = self._input.to_tensor(pixels, self._model.device, self._model.dtype)
        prompt = {
            name: torch.tensor([row] * len(values), dtype=torch.long, device=values.device)
            for name, row in self._prompt.items()
        }
        with torch.inference_mode():
            tokens = self._model.generate(pixel_values=values, **prompt)
        input_ids = prompt.get("input_ids")
        if input_ids is not None and torch.equal(tokens[:, : input_ids.shape[1]], input_ids):
            tokens = tokens[:, input_ids.shape[1] :]
        return [clean_caption(text) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def _build_prompt(model: Any) -> dict[str, list[int]]:
    """Build the language model's input for one image, beside its pixels: rows of token ids and masks.

    Raises ValueError for a config.json that is too old.
    """
    config = model.config
    if config.model_type == "vision-encoder-decoder":
        return {"decoder_attention_mask": [1]}
    if config.model_type != "blip-2":
        return {}
    if config.image_token_index is None:
        raise ValueError("its config.json lacks image_token_index, as files of transformers before 4.46 do")
    places = [config.image_token_index] * config.num_query_tokens
    if not config.text_config.is_encoder_decoder:
        places.append(config.text_config.bos_token_id)
    return {"input_ids": places, "attention_mask": [1] * len(places)}


def _configure_generation(language: Any, beams: int) -> Any:
    """Return the generation settings of a language model, without sampling and with a bounded length."""
    settings = copy.deepcopy(language.generation_config)
    settings.max_new_tokens = min(settings.max_new_tokens or MAX_TOKENS, MAX_TOKENS)
    settings.max_length = None
    settings.num_beams = beams
    settings.early_stopping = beams > 1
    settings.do_sample = False
    settings.use_cache = True
    if settings.pad_token_id is None:
        settings.pad_token_id = settings.eos_token_id
    return settings


def clean_caption(text: str) -> str:
    """Clean a caption of repeated phrases and of dangling last words, such as "with a"."""
    words = text.split()
    while True:
        kept = _drop_dangling(_drop_repeat(words))
        if kept == words:
            return " ".join(words)
        words = kept


def _drop_repeat(words: list[str]) -> list[str]:
    """Drop the first phrase that repeats the one before it, directly or after an "and"."""
    plain = [word.lower().strip(_MARKS) for word in words]
    for size in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * size + 1):
            middle = start + size
            phrase = plain[start:middle]
            if phrase == plain[middle : middle + size]:
                return [*words[:middle], *words[middle + size :]]
            joined = plain[middle] in _JOINING and (size > 1 or phrase[0] not in _REPEATABLE)
            if joined and phrase == plain[middle + 1 : middle + 1 + size]:
                return [*words[:middle], *words[middle + 1 + size :]]
    return words


def _drop_dangling(words: list[str]) -> list[str]:
    if not words:
        return words
    last = words[-1].rstrip(_MARKS.replace(".", ""))
    return words[:-1] if last.lower() in _DANGLING or not last else [*words[:-1], last]
