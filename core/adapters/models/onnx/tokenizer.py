"""Texts to token ids, with the `tokenizer.json` of the folder and OpenCLIP's cleaning of texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from core.adapters.models.onnx.folder import CONFIG, SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG, read_json
from core.adapters.models.text_cleaning import CLEANERS, OPEN_CLIP
from core.text import analysis

DEFAULT_CONTEXT = 77  # tokens


@dataclass(frozen=True, slots=True)
class Tokens:
    """N texts of L tokens: ids and mask are (N, L) int64; the mask is 0 where a text is padded."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    truncated: tuple[bool, ...]


class TextTokenizer:
    """A tokenizer that makes every text as long as the context of its model. Safe to call from several threads."""

    def __init__(self, folder: Path, context: int | None, *, cleaner: str = "whitespace") -> None:
        """Read the tokenizer of an ONNX folder.

        `context` is the model's own number of tokens, where it has one. `cleaner` is how texts are cleaned where the
        folder does not say. Raises ValueError for files without meaning or with steps that are not supported.
        """
        text_config: dict[str, Any] = read_json(folder / CONFIG).get("text_cfg") or {}
        options: dict[str, Any] = text_config.get("tokenizer_kwargs") or {}
        config = _read_if_there(folder / SPECIAL_TOKENS) | _read_if_there(folder / TOKENIZER_CONFIG)
        self.context = context or int(text_config.get("context_length") or DEFAULT_CONTEXT)
        self._clean = _choose_cleaner(options, cleaner)
        self._inner = _load(folder / TOKENIZER)
        pad_token, pad_id = _find_padding(self._inner, config, text_config)
        side = str(config.get("padding_side", "right"))
        self._inner.enable_padding(direction=side, pad_id=pad_id, pad_token=pad_token, length=self.context)
        self._inner.enable_truncation(self.context, direction=str(config.get("truncation_side", "right")))
        self._separator = self._find_id(config, "sep_token") if options.get("strip_sep_token") else None
        unknown = self._find_id(config, "unk_token")
        self._unknown = None if unknown == self._find_id(config, "eos_token") else unknown

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Turn N texts, at least one, into tokens."""
        found: list[Encoding] = self._inner.encode_batch([self._clean(text) for text in texts])
        ids = np.array([one.ids for one in found], np.int64)
        if self._separator is not None:
            ids[ids == self._separator] = 0
        mask = np.array([one.attention_mask for one in found], np.int64)
        return Tokens(ids, mask, tuple(bool(one.overflowing) for one in found))

    def find_unknown(self, text: str) -> tuple[str, ...]:
        """Find the words that the vocabulary lacks, each once; byte-pair vocabularies lack none."""
        if self._unknown is None:
            return ()
        words = dict.fromkeys(analysis.split_words(text))
        return tuple(word for word in words if self._unknown in self._tokenize_word(word))

    def _tokenize_word(self, word: str) -> list[int]:
        found = self._inner.encode(self._clean(word), add_special_tokens=False)
        return [number for number, counts in zip(found.ids, found.attention_mask, strict=True) if counts]

    def _find_id(self, config: dict[str, Any], key: str) -> int | None:
        token = _read_token(config.get(key))
        return None if token is None else self._inner.token_to_id(token)


def _load(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the bindings raise Exception itself
        raise ValueError(f"{path.name} is no tokenizer: {error}") from error


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _choose_cleaner(options: dict[str, Any], default: str) -> Callable[[str], str]:
    if options.get("tokenizer_mode"):
        raise ValueError(f"its tokenizer mode {options['tokenizer_mode']!r} is not supported")
    name = options.get("clean", default)
    if name not in OPEN_CLIP:
        raise ValueError(f"its texts are cleaned by {name!r}; that can be {', '.join(OPEN_CLIP)}")
    return CLEANERS[name]


def _find_padding(tokenizer: Tokenizer, config: dict[str, Any], text_config: dict[str, Any]) -> tuple[str, int]:
    """Find the token that fills a text up, and its id: that of the tokenizer, or else OpenCLIP's."""
    token = _read_token(config.get("pad_token"))
    if token is not None:
        number = tokenizer.token_to_id(token)
        if number is None:
            raise ValueError(f"its padding token {token!r} is not in its vocabulary")
        return token, number
    if tokenizer.padding:
        return str(tokenizer.padding["pad_token"]), int(tokenizer.padding["pad_id"])
    number = int(text_config.get("pad_id", 0))
    return tokenizer.id_to_token(number) or "", number


def _read_token(given: Any) -> str | None:
    """Read a token, which may be a string or an object with more about it."""
    if isinstance(given, dict):
        given = given.get("content")
    return given if isinstance(given, str) else None
