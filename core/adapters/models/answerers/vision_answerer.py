"""Answerers of transformers: BLIP for visual question answering, and BLIP-2, by the folder's config.json."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.files.error_summary import summarize
from core.adapters.models.files.model_files import ModelFiles, locate
from core.adapters.models.text_generation import TextWriter, configure_generation, list_image_tokens, load_writer
from core.domain.ids import model_fingerprint
from core.errors import InvalidQuery, ModelError
from core.imaging.decode_request import PixelSpec
from core.ports.encoders import Answer, Answerer

log = logging.getLogger(__name__)

_CLASSES = {"blip-vqa": "BlipForQuestionAnswering", "blip-2": "Blip2ForConditionalGeneration"}
_PROMPTS = {"blip-2": "Question: {} Answer:"}  # as its authors ask (Li et al. 2023)
_CONTEXT = 1024  # tokens that a model reads and writes, where it tells no limit


def load_answerer(name_or_path: str, *, device: str, tokens: int) -> Answerer:
    """Load an answerer by name or folder; its answers have at most `tokens` tokens. Raises ModelUnavailable.

    `device` is "auto", "cuda", "mps" or "cpu"; "auto" takes the first that is available.
    """
    started = perf_counter()
    files = locate(name_or_path, "answerer")
    try:
        writer = load_writer(files, device, lambda vendor: getattr(vendor, _CLASSES[files.kind]))
        answerer = VisionAnswerer(files, writer, tokens=tokens)
    except Exception as error:  # several vendors' exceptions, of every kind: none may pass this line unmapped
        raise files.map_error(error) from error
    log.info("loaded answerer=%s seconds=%.1f", answerer.name, perf_counter() - started)
    return answerer


class VisionAnswerer:
    """An Answerer over a loaded model: greedy, with a key-value cache."""

    def __init__(self, files: ModelFiles, writer: TextWriter, *, tokens: int) -> None:
        self.name = files.name
        self.fingerprint = model_fingerprint(files.folder)
        self.pixels: PixelSpec = writer.pixels.spec
        self._writer = writer
        self._model = writer.model
        self._prompt = _PROMPTS.get(files.kind, "{}")
        self._image_tokens = list_image_tokens(writer.model) if files.kind == "blip-2" else []
        context = getattr(writer.model.config.text_config, "max_position_embeddings", None) or _CONTEXT
        tokens = max(
            1, min(tokens, (context - len(self._image_tokens)) // 2)
        )  # half of a short context is the question's
        self._room = context - len(self._image_tokens) - (tokens if self._image_tokens else 0)
        self._generation = configure_generation(writer.language, tokens=tokens)
        writer.language.generation_config = self._generation
        self._ends = _list_ends(writer)

    def answer(
        self, pixels: NDArray[np.uint8], question: str, *, seconds: float, going: Callable[[], object] | None = None
    ) -> list[Answer]:
        """Answer a question about images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> N answers.

        Raises InvalidQuery for a question that is longer than the model reads, and ModelError where the model fails.
        """
        import torch

        from core.adapters.models.answerers.deadline import Deadline

        if len(pixels) == 0:
            return []
        deadline = Deadline(seconds, going)
        row = self.tokenize(
            question
        )  # the same for all: BLIP reads padding too (findings/transformers_blip_vqa_padding.sh)
        values = self._writer.pixels.to_tensor(pixels, self._model.device, self._model.dtype)
        input_ids = torch.tensor([row] * len(values), dtype=torch.long, device=values.device)
        inputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
        try:
            with torch.inference_mode():
                tokens = self._model.generate(pixel_values=values, **inputs, stopping_criteria=[deadline])
        except (RuntimeError, ValueError, IndexError) as error:  # torch's, out of memory among them
            raise ModelError(f"the model {self.name} failed while it answered: {summarize(error)}") from error
        if torch.equal(tokens[:, : len(row)], input_ids):  # a decoder repeats what it was given
            tokens = tokens[:, len(row) :]
        cut: Literal["time", "length"] = "time" if deadline.passed else "length"
        texts = self._writer.decode(tokens)
        done = [bool(self._ends & set(written)) for written in tokens.tolist()]
        return [Answer(" ".join(text.split()), None if ended else cut) for text, ended in zip(texts, done, strict=True)]

    def tokenize(self, question: str) -> list[int]:
        """Make the tokens of one image and a question. No text of a question becomes a token that steers the model.

        Raises InvalidQuery.
        """
        # Read as "<image>", a question would take the place of the picture; as "</s>" it would end before its end.
        encoded = self._writer.tokenizer(self._prompt.format(question), split_special_tokens=True, verbose=False)
        text = [token for token in encoded["input_ids"] if token not in self._image_tokens]
        if len(text) > self._room:
            raise InvalidQuery("question", f"{len(text)} tokens", f"at most {self._room} tokens of this model")
        return [*self._image_tokens, *text]


def _list_ends(writer: TextWriter) -> set[int]:
    """List the tokens that end an answer. BLIP ends at its separator, whatever its generation settings say."""
    config = writer.model.config
    ends = (
        config.text_config.sep_token_id
        if config.model_type == "blip"
        else writer.language.generation_config.eos_token_id
    )
    return set(ends) if isinstance(ends, list) else {ends}
