"""A tokenizer of transformers that is kept as `tokenizer.json` with its settings: texts to ids without transformers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from core.adapters.models.text_cleaning import CLEANERS
from core.text import analysis

_WORDS = 16_384  # of which it is known whether the vocabulary has them

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TokenizerSettings:
    """What surrounds the `tokenizer.json`: how texts are cleaned, cut and filled up, and the arrays of a tower."""

    context: int
    cleaning: str
    padding: Literal["longest", "max_length"]
    pad_id: int
    pad_type: int
    pad_token: str
    padding_side: str
    truncation_side: str
    unknown_id: int | None
    inputs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "TokenizerSettings":
        """Read what `to_dict` made, also from JSON. Raises TypeError, KeyError."""
        return cls(**{**given, "inputs": tuple(given["inputs"])})


class KeptTokenizer:
    """A tokenizer that answers as the one it was made from. Safe to call from several threads."""

    def __init__(self, path: Path, settings: TokenizerSettings) -> None:
        """Read a `tokenizer.json`. Raises ValueError."""
        try:
            inner = Tokenizer.from_file(str(path))
        except Exception as error:  # the bindings raise Exception itself
            raise ValueError(f"{path.name} is no tokenizer: {error}") from error
        inner.enable_truncation(settings.context, direction=settings.truncation_side)
        inner.enable_padding(
            direction=settings.padding_side,
            pad_id=settings.pad_id,
            pad_type_id=settings.pad_type,
            pad_token=settings.pad_token,
            length=settings.context if settings.padding == "max_length" else None,
        )
        self._inner, self._settings = inner, settings
        self._clean = CLEANERS[settings.cleaning]
        self._is_unknown = lru_cache(_WORDS)(self._lacks)

    def encode(self, texts: Sequence[str]) -> dict[str, Ids]:
        """Turn N texts, at least one, into the arrays that their tower takes, each (N, L)."""
        found = self._tokenize(texts)
        values = {
            "input_ids": [one.ids for one in found],
            "attention_mask": [one.attention_mask for one in found],
            "token_type_ids": [one.type_ids for one in found],
        }
        return {name: np.array(values[name], np.int64) for name in self._settings.inputs}

    def find_truncated(self, texts: Sequence[str]) -> tuple[bool, ...]:
        """Find which texts have more tokens than the context, with those of start and end."""
        return tuple(bool(one.overflowing) for one in self._tokenize(texts)) if texts else ()

    def find_unknown(self, text: str) -> tuple[str, ...]:
        """Find the words that the vocabulary lacks, each once; byte-pair vocabularies lack none."""
        if self._settings.unknown_id is None:
            return ()
        words = dict.fromkeys(analysis.split_words(text))
        return tuple(word for word in words if self._is_unknown(word))

    def _lacks(self, word: str) -> bool:
        return self._settings.unknown_id in self._tokenize_word(word)

    def _tokenize(self, texts: Sequence[str]) -> list[Encoding]:
        return self._inner.encode_batch([self._clean(text) for text in texts])

    def _tokenize_word(self, word: str) -> list[int]:
        found = self._inner.encode(self._clean(word), add_special_tokens=False)
        return [number for number, counts in zip(found.ids, found.attention_mask, strict=True) if counts]
