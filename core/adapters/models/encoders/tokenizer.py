"""A tokenizer of transformers: cuts texts at the context of their tower, and tells what it cut or does not know."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from core.text import analysis

if TYPE_CHECKING:
    import torch


def _keep(text: str) -> str:
    return text


class Tokenizer:
    """A tokenizer that is safe to call from several threads.

    `context` is the most tokens of a text that its tower reads. `clean` makes the canonical form of a text.
    `padding` fills a batch up to its longest text, or all of it up to the context, which its tower then reads: it has
    learned what padding is, and is given no mask.
    """

    def __init__(
        self,
        vendor: Any,
        context: int,
        *,
        clean: Callable[[str], str] = _keep,
        padding: Literal["longest", "max_length"] = "longest",
    ) -> None:
        self.lock = threading.Lock()  # the vendor's settings of truncation and padding are shared state
        self.context = context
        self._vendor = vendor
        self._clean = clean
        self._padding = padding
        vendor.model_max_length = context

    def encode(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """Encode N texts into the tensors that their tower takes, each (N, L) of integers."""
        cleaned = [self._clean(text) for text in texts]
        with self.lock:
            batch = self._vendor(
                cleaned, padding=self._padding, truncation=True, max_length=self.context, return_tensors="pt"
            )
        return {"input_ids": batch["input_ids"]} if self._padding == "max_length" else dict(batch)

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        """Find which texts have more tokens than the context, with those of start and end."""
        if not texts:
            return ()
        cleaned = [self._clean(text) for text in texts]
        with self.lock:
            rows = self._vendor(cleaned, truncation=False, padding=False, verbose=False)["input_ids"]
        return tuple(len(row) > self.context for row in rows)

    def find_unknown(self, text: str) -> tuple[str, ...]:
        """Find the words that the vocabulary lacks, each once; byte-pair vocabularies lack none."""
        unknown_id = self._vendor.unk_token_id
        if unknown_id is None or unknown_id == self._vendor.eos_token_id:
            return ()
        with self.lock:
            found = [word for word in analysis.split_words(text) if unknown_id in self._tokenize(word)]
        return tuple(dict.fromkeys(found))

    def _tokenize(self, word: str) -> list[int]:
        cleaned = self._clean(word)
        return list(self._vendor(cleaned, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])
