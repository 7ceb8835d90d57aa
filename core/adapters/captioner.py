"""Captions through a VisionEncoderDecoderModel of transformers: a vision tower read by a language model."""

import copy
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.model_files import ModelFiles, locate, set_environment
from core.identity import model_fingerprint
from core.images import PixelSpec
from core.ports import Captioner

if TYPE_CHECKING:
    from core.adapters.torch_runtime import PixelInput

log = logging.getLogger(__name__)

MAX_TOKENS = 32
_DANGLING = frozenset("a an the and or of with in on at to by for from near next".split())


def load_captioner(name_or_path: str, *, device: str) -> Captioner:
    """The captioner of that name or folder on that device ("auto": the best there is). Raises ModelUnavailable."""
    started = perf_counter()
    files = locate(name_or_path, "captioner")
    try:
        captioner = VisionCaptioner(files, *_load(files, device))
    except Exception as error:  # several vendors' exceptions, of every kind: none may pass this line unmapped
        raise files.failed(error) from error
    log.info("loaded captioner=%s seconds=%.1f", captioner.name, perf_counter() - started)
    return captioner


def _load(files: ModelFiles, device: str) -> "tuple[Any, Any, PixelInput]":
    set_environment()
    from core.adapters.torch_runtime import check_complete, choose_device, choose_dtype, pixel_input, quiet_loading

    chosen = choose_device(device)
    folder = str(files.folder)
    with quiet_loading() as reports:
        import transformers

        vendor: Any = transformers  # its typing is partial
        model = vendor.VisionEncoderDecoderModel.from_pretrained(
            folder,
            dtype=choose_dtype(chosen),
            local_files_only=True,
            use_safetensors=files.safetensors,
            weights_only=True,
        )
        processor = vendor.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        tokenizer = vendor.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    check_complete(reports)
    return model.to(chosen).eval(), tokenizer, pixel_input(processor)


class VisionCaptioner:
    """A Captioner over a loaded model; greedy decoding with a key-value cache, at most MAX_TOKENS a caption."""

    def __init__(self, files: ModelFiles, model: Any, tokenizer: Any, pixels: "PixelInput") -> None:
        self.name = files.name
        self.fingerprint = model_fingerprint(files.folder)
        self._model = model
        self._tokenizer = tokenizer
        self._input = pixels
        self.pixels: PixelSpec = pixels.spec
        self._generation = _greedy(model)

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        """(N, S, S, 3) uint8 RGB, sized by `pixels` -> N captions; "" where the model had nothing to say."""
        import torch

        if len(pixels) == 0:
            return []
        values = self._input.tensor(pixels, self._model.device, self._model.dtype)
        with torch.inference_mode():
            tokens = self._model.generate(
                pixel_values=values,
                decoder_attention_mask=torch.ones((len(values), 1), dtype=torch.long, device=values.device),
                generation_config=self._generation,
            )
        return [clean(text) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def _greedy(model: Any) -> Any:
    """The model's own generation settings, made greedy and bounded."""
    settings = copy.deepcopy(model.generation_config)
    settings.max_new_tokens = min(settings.max_new_tokens or MAX_TOKENS, MAX_TOKENS)
    settings.max_length = None
    settings.num_beams = 1
    settings.do_sample = False
    settings.use_cache = True
    if settings.pad_token_id is None:
        settings.pad_token_id = settings.eos_token_id
    return settings


def clean(text: str) -> str:
    """A caption without the marks of a decoder that ran on: phrases said twice at the end, a last "with a"."""
    words = text.split()
    while True:
        kept = _without_dangling(_without_repeat(words))
        if kept == words:
            return " ".join(words)
        words = kept


def _without_repeat(words: list[str]) -> list[str]:
    for size in range(1, len(words) // 2 + 1):
        if words[-size:] == words[-2 * size : -size]:
            return words[:-size]
    return words


def _without_dangling(words: list[str]) -> list[str]:
    return words[:-1] if words and words[-1].lower() in _DANGLING else words
