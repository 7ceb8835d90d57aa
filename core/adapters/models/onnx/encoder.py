"""Encoders of ONNX folders: images and texts -> unit vectors of one space, without torch in the process."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.models.files.model_files import ModelFiles, set_environment
from core.adapters.models.onnx.external_data import list_files
from core.adapters.models.onnx.folder import MODEL, PREPROCESSING, TOWERS, check_onnx_folder
from core.adapters.models.onnx.preprocessing import Normalization, read_preprocessing
from core.adapters.models.onnx.session import Input, Tower
from core.adapters.models.onnx.tokenizer import TextTokenizer, Tokens
from core.domain.ids import model_fingerprint
from core.domain.vectors import Matrix, unit
from core.ports.encoders import Encoder, TextEncoding

TEXT_BATCH = 64


def load_onnx_encoder(files: ModelFiles, *, device: str = "auto", threads: int | None = None) -> Encoder:
    """Load the encoder of a folder as Immich publishes it: towers in ONNX, with OpenCLIP's settings beside them.

    `device` is "auto", "cuda" or "cpu". `threads` is how many one call may use, by default one for each core.
    Raises OSError, and ValueError for parts that are refused or do not fit each other.
    """
    set_environment()
    if cause := check_onnx_folder(files.folder):
        raise ValueError(cause)
    preprocessing = read_preprocessing(files.folder / PREPROCESSING)
    visual = VisualTower(Tower(files.folder / "visual" / MODEL, device=device, threads=threads), preprocessing)
    textual = TextualTower(Tower(files.folder / "textual" / MODEL, device=device, threads=threads), files)
    return OnnxEncoder(files, visual, textual)


class VisualTower:
    """The tower of pictures, and what it takes: normalised planes, or the raw pixels that it normalises itself."""

    def __init__(self, tower: Tower, preprocessing: Normalization) -> None:
        """Check that the tower takes the pictures that the preprocessing makes. Raises ValueError."""
        if len(tower.inputs) != 1:
            raise ValueError(f"its visual tower takes {_list_names(tower.inputs)}; an encoder takes one picture")
        self._tower, self._preprocessing = tower, preprocessing
        self.spec, self.dimension = preprocessing.spec, tower.dimension
        self._input = tower.inputs[0]
        shape, side = self._input.shape, self.spec.size
        self._raw = self._input.dtype is np.uint8
        self._channels_last = self._raw and len(shape) == 4 and shape[3] == 3
        expected = (side, side, 3) if self._channels_last else (3, side, side)
        if len(shape) != 4 or any(n not in (None, wanted) for n, wanted in zip(shape[1:], expected, strict=True)):
            given = [n or "any" for n in shape]
            raise ValueError(f"its visual tower takes {given}, and its preprocess_cfg.json makes {side} px pictures")

    def encode(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode N pictures, at least one: (N, S, S, 3) uint8 RGB -> (N, D) float32, unit rows."""
        if self._raw:
            values: NDArray[Any] = pixels if self._channels_last else pixels.transpose(0, 3, 1, 2)
        else:
            values = self._preprocessing.apply(pixels).astype(self._input.dtype, copy=False)
        return unit(self._tower.run({self._input.name: np.ascontiguousarray(values)}))


class TextualTower:
    """The tower of texts with its tokenizer."""

    def __init__(self, tower: Tower, files: ModelFiles) -> None:
        """Find which of the tower's inputs takes what. Raises ValueError for one that no text fills."""
        self._tower = tower
        self._roles = {given.name: _find_role(given, alone=len(tower.inputs) == 1) for given in tower.inputs}
        if list(self._roles.values()).count("ids") != 1:
            raise ValueError(
                f"its textual tower takes {_list_names(tower.inputs)}; one of them has to be the token ids"
            )
        for given in tower.inputs:
            if len(given.shape) != 2 or given.dtype not in (np.int32, np.int64):
                raise ValueError(f"its textual tower takes {given.name}, which holds no token ids")
        lengths = {given.shape[1] for given in tower.inputs if len(given.shape) == 2} - {None}
        cleaner = "none" if "mask" in self._roles.values() else "whitespace"  # M-CLIP's towers alone take a mask
        self.tokenizer = TextTokenizer(files.folder, next(iter(lengths), None), cleaner=cleaner)

    def encode(self, tokens: Tokens) -> Matrix:
        """Encode the tokens of N texts into (N, D) float32, unit rows."""
        values = {"ids": tokens.ids, "mask": tokens.mask, "types": np.zeros_like(tokens.ids)}
        arrays = {one.name: values[self._roles[one.name]].astype(one.dtype) for one in self._tower.inputs}
        return unit(self._tower.run(arrays))


class OnnxEncoder:
    """An Encoder over the two towers of an ONNX folder."""

    def __init__(self, files: ModelFiles, visual: VisualTower, textual: TextualTower) -> None:
        """Put two towers together. Raises ValueError where their vectors differ in length."""
        self.name = files.name
        self.remark = files.remark
        self.fingerprint = model_fingerprint(
            files.folder, [path for tower in TOWERS for path in list_files(files.folder / tower / MODEL)]
        )
        self._visual, self._textual = visual, textual
        self.pixels = visual.spec
        self.dimension = int(textual.encode(textual.tokenizer.encode(["a"])).shape[1])
        pictures = visual.dimension or visual.encode(np.zeros((1, *[self.pixels.size] * 2, 3), np.uint8)).shape[1]
        if pictures != self.dimension:
            raise ValueError(
                f"its towers do not belong together: pictures have {pictures} dimensions, and texts {self.dimension}"
            )

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Encode images: (N, S, S, 3) uint8 RGB, sized by `self.pixels` -> (N, D) float32, unit rows."""
        if len(pixels) == 0:
            return np.empty((0, self.dimension), np.float32)
        return self._visual.encode(pixels)

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        """Encode N texts into (N, D) float32, unit rows."""
        tokenizer = self._textual.tokenizer
        batches = [tokenizer.encode(texts[start : start + TEXT_BATCH]) for start in range(0, len(texts), TEXT_BATCH)]
        vectors = [self._textual.encode(tokens) for tokens in batches]
        stacked = np.concatenate(vectors) if vectors else np.empty((0, self.dimension), np.float32)
        truncated = tuple(cut for tokens in batches for cut in tokens.truncated)
        return TextEncoding(stacked, truncated, tuple(tokenizer.find_unknown(text) for text in texts))


def _find_role(given: Input, *, alone: bool) -> str:
    name = given.name.lower()
    if alone:
        return "ids"
    if "mask" in name:
        return "mask"
    if "type" in name:
        return "types"
    if name in ("text", "texts", "input_ids", "ids", "tokens"):
        return "ids"
    raise ValueError(f"its textual tower takes {given.name}, which is not known: it can be ids, a mask, or types")


def _list_names(inputs: Sequence[Input]) -> str:
    return ", ".join(given.name for given in inputs) or "nothing"
