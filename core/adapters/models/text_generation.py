"""Models of transformers that write texts about pictures: loading them, and how long and how they write."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.adapters.models.files.model_files import ModelFiles, set_environment

if TYPE_CHECKING:
    from core.adapters.models.torch_runtime import PixelInput


@dataclass(frozen=True, slots=True)
class TextWriter:
    """A loaded model on its device, with the tokenizer and the image processor of its folder."""

    model: Any
    tokenizer: Any
    image_processor: Any
    pixels: "PixelInput"

    @property
    def language(self) -> Any:
        """The part of the model that writes, which has the generation settings."""
        model = self.model
        return getattr(model, "text_decoder", None) or getattr(model, "language_model", None) or model

    def decode(self, tokens: Any) -> list[str]:
        """Decode rows of token ids into texts."""
        texts: list[str] = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return texts


def load_writer(files: ModelFiles, device: str, choose_class: Callable[[Any], Any], *, dtype: Any = None) -> TextWriter:
    """Load a model with the class that is chosen among those of transformers. Raises what its libraries raise.

    `dtype` is torch's, by default that of the device.
    """
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
        model = choose_class(vendor).from_pretrained(
            folder,
            dtype=dtype or choose_dtype(chosen),
            local_files_only=True,
            use_safetensors=files.safetensors,
            weights_only=True,
        )
        processor = vendor.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        tokenizer = vendor.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    check_complete(reports)
    return TextWriter(model.to(chosen).eval(), tokenizer, processor, read_pixel_input(processor))


def configure_generation(language: Any, *, tokens: int, beams: int = 1) -> Any:
    """Return the generation settings of a language model, without sampling, and of at most `tokens` new tokens."""
    settings = copy.deepcopy(language.generation_config)
    settings.max_new_tokens = min(settings.max_new_tokens or tokens, tokens)
    settings.max_length = None
    settings.num_beams = beams
    settings.early_stopping = beams > 1
    settings.do_sample = False
    settings.use_cache = True
    if settings.pad_token_id is None:
        settings.pad_token_id = settings.eos_token_id
    return settings


def list_image_tokens(model: Any) -> list[int]:
    """List the tokens of a BLIP-2 that stand for its picture: it writes without an error where they are too few.

    Raises ValueError for a config.json that is too old to tell.
    """
    config = model.config
    if config.image_token_index is None:
        raise ValueError("its config.json lacks image_token_index, as files of transformers before 4.46 do")
    return [config.image_token_index] * int(config.num_query_tokens)
