"""A tokenizer of transformers: cuts texts at the context of their tower, and tells what it cut or does not know."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from core.adapters.models.text_cleaning import CLEANERS
from core.text import analysis

if TYPE_CHECKING:
    import torch

_SPECIAL_TOKENS = 8  # at most: of start, end, language and what stands before the first word
_WORDS = 65_536  # of which it is kept whether the vocabulary has them


class Tokenizer:
    """A tokenizer that is safe to call from several threads.

    `context` is the most tokens of a text that its tower reads. `clean` names how texts are cleaned before.
    `padding` fills a batch up to its longest text, or all of it up to the context, which its tower then reads: it has
    learned what padding is, and is given no mask.
    """

    def __init__(
        self,
        vendor: Any,
        context: int,
        *,
        clean: str = "none",
        padding: Literal["longest", "max_length"] = "longest",
    ) -> None:
        self.lock = threading.Lock()  # the vendor's settings of truncation and padding are shared state
        self.context = context
        self.vendor = vendor
        self.cleaning = clean
        self.padding = padding
        self._clean = CLEANERS[clean]
        self._unknown: dict[str, bool] = {}
        vendor.model_max_length = context

    @property
    def unknown_id(self) -> int | None:
        """The id of words that the vocabulary lacks; None where it lacks none."""
        found: int | None = self.vendor.unk_token_id
        return None if found == self.vendor.eos_token_id else found

    def encode(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """Encode N texts into the tensors that their tower takes, each (N, L) of integers."""
        cleaned = [self._clean(text) for text in texts]
        with self.lock:
            batch = self.vendor(
                cleaned, padding=self.padding, truncation=True, max_length=self.context, return_tensors="pt"
            )
        return {"input_ids": batch["input_ids"]} if self.padding == "max_length" else dict(batch)

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        """Find which texts have more tokens than the context, with those of start and end."""
        if not texts:
            return ()
        long = [n for n, text in enumerate(texts) if not self._is_short(text)]
        if not long:
            return (False,) * len(texts)
        cleaned = [self._clean(texts[n]) for n in long]
        with self.lock:
            rows = self.vendor(cleaned, truncation=False, padding=False, verbose=False)["input_ids"]
        truncated = {n for n, row in zip(long, rows, strict=True) if len(row) > self.context}
        return tuple(n in truncated for n in range(len(texts)))

    def _is_short(self, text: str) -> bool:
        """Tell whether a text cannot have too many tokens: none is less than a letter of ASCII."""
        return text.isascii() and len(text) + _SPECIAL_TOKENS <= self.context

    def find_unknown(self, text: str) -> tuple[str, ...]:
        """Find the words that the vocabulary lacks, each once; byte-pair vocabularies lack none."""
        unknown_id = self.unknown_id
        if unknown_id is None:
            return ()
        with self.lock:
            return tuple(
                dict.fromkeys(word for word in analysis.split_words(text) if self._is_unknown(word, unknown_id))
            )

    def _is_unknown(self, word: str, unknown_id: int) -> bool:
        """Tell it of a word, and keep that: captions hold the same few thousand words."""
        if word not in self._unknown:
            if len(self._unknown) >= _WORDS:
                self._unknown.clear()
            self._unknown[word] = unknown_id in self._tokenize(word)
        return self._unknown[word]

    def _tokenize(self, word: str) -> list[int]:
        cleaned = self._clean(word)
        return list(self.vendor(cleaned, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])
