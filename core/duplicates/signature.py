"""Descriptors of thumbnails, which find candidate duplicates among many thousands, cropped ones too.

A thumbnail is shrunk to 48 × 48 cells, and these to descriptors. A descriptor holds the coarse cells of one window,
less their mean and scaled to unit length. So faint pictures count as much as bold ones, and a crop looks like a window.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.duplicates.alignment import Placements

Cells = NDArray[np.uint8]  # (48, 48, 3), YCbCr
Descriptors = NDArray[np.float32]  # (N, 25, 96): every window's, of unit length, or zero for what is blank

SIDE = 48
MOST_CUT = 0.1  # how much may be cut from each edge, of the width or height
_CHROMA = 2.0  # weight of colours: they are sampled more coarsely, and differ less
_FAINT = 2.0  # the least root of summed squares that is more than the noise of JPEG: below it there is nothing to see
_CUTS = ((0.0, 0.0), (0.0, MOST_CUT), (MOST_CUT, 0.0), (MOST_CUT, MOST_CUT), (MOST_CUT / 2, MOST_CUT / 2))
_WINDOWS = len(_CUTS) ** 2
_WHOLE, _CENTRE = 0, 3 * len(_CUTS) + 3
_LUMA, _COLOUR = 8, 4  # cells a side
_ROWS = 4096  # stored descriptors that are compared at once
_ASKED = 16  # thumbnails that are compared with them at once


@dataclass(frozen=True, slots=True)
class Candidates:
    """Stored thumbnails that may be the same picture as `asked`, with where they lie on it.

    `asked` (N,) counts what was asked with, `rows` (N,) are those of the stored, `scores` (N,) correlations,
    `placements` (N, 4).
    """

    asked: NDArray[np.intp]
    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    placements: Placements


def shrink(jpeg: bytes) -> Cells | None:
    """A thumbnail's cells; None where it cannot be read."""
    try:
        image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
        image.draft("YCbCr", (2 * SIDE, 2 * SIDE))
        cells = image.convert("YCbCr").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError):
        return None
    return np.asarray(cells)


def describe(cells: NDArray[np.uint8]) -> Descriptors:
    """(N, 48, 48, 3) cells -> (N, 25, 96): for each way to cut the rows and the columns 64 luma and 32 colour cells."""
    count = len(cells)
    planes = cells.astype(np.float32).transpose(0, 3, 1, 2)  # (N, 3, 48, 48)
    luma = _windows(planes[:, :1], _LUMA).reshape(count, _WINDOWS, -1)
    colour = _windows(planes[:, 1:], _COLOUR)
    colour = (colour - colour.mean(-1, keepdims=True)).reshape(count, _WINDOWS, -1)
    made = np.concatenate([luma - luma.mean(-1, keepdims=True), _CHROMA * colour], axis=-1)
    norms = np.linalg.norm(made, axis=-1, keepdims=True)
    made[norms[..., 0] < _FAINT] = 0
    scaled: Descriptors = made / np.maximum(norms, _FAINT)
    return scaled


class Signatures:
    """What is kept of many thumbnails, in rows: descriptors of the whole and of its centre, and the cells' luma.

    3,072 bytes each.
    """

    def __init__(self) -> None:
        self._kept = np.empty((1024, 2, _LUMA**2 + 2 * _COLOUR**2), np.float32)
        self._luma = np.empty((1024, SIDE, SIDE), np.uint8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, cells: NDArray[np.uint8], described: Descriptors) -> None:
        """Further thumbnails, which get the next rows."""
        needed = self._count + len(cells)
        while needed > len(self._kept):
            self._kept = np.concatenate([self._kept, np.empty_like(self._kept)])
            self._luma = np.concatenate([self._luma, np.empty_like(self._luma)])
        self._kept[self._count : needed] = described[:, (_WHOLE, _CENTRE)]
        self._luma[self._count : needed] = cells[..., 0]
        self._count = needed

    def luma(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(N, 48, 48)"""
        return self._luma[rows].astype(np.float32)

    def scan(self, described: Descriptors, before: NDArray[np.intp], *, least: float, limit: int) -> Candidates:
        """For each of the described the best `limit` rows, of those before `before` (N,), that reach `least`."""
        found = []
        for start in range(0, len(described), _ASKED):
            part = slice(start, start + _ASKED)
            bests, ways = [], []
            for low in range(0, int(before[part].max(initial=0)), _ROWS):
                best, way = _best(described[part], self._kept[low : min(low + _ROWS, self._count)])
                bests.append(best)
                ways.append(way)
            if not bests:
                continue
            best, way = np.concatenate(bests, axis=1), np.concatenate(ways, axis=1)
            for n in range(len(best)):
                end = before[start + n]
                rows = np.flatnonzero(best[n, :end] >= least)
                found.append(_candidates(start + n, rows, best[n, rows], way[n, rows], limit))
        return _concatenate(found)

    def among(self, described: Descriptors, rows: list[NDArray[np.intp]], *, least: float, limit: int) -> Candidates:
        """As `scan`, of each one's own rows."""
        found = []
        for n, own in enumerate(rows):
            best, way = _best(described[n : n + 1], self._kept[own])
            kept = np.flatnonzero(best[0] >= least)
            found.append(_candidates(n, own[kept], best[0, kept], way[0, kept], limit))
        return _concatenate(found)


def _best(described: Descriptors, kept: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """(N, R): the best score of each row, and which window has it; those of centres come after those of wholes."""
    asked = described.reshape(-1, described.shape[2])
    scores = [(asked @ kept[:, n].T).reshape(len(described), _WINDOWS, -1) for n in (0, 1)]
    ways = [each.argmax(1) for each in scores]
    whole, centre = (np.take_along_axis(each, way[:, None], 1)[:, 0] for each, way in zip(scores, ways, strict=True))
    return np.maximum(whole, centre), np.where(whole >= centre, ways[0], ways[1] + _WINDOWS)


def _candidates(
    asked: int, rows: NDArray[np.intp], scores: NDArray[np.float32], ways: NDArray[np.intp], limit: int
) -> Candidates:
    first = np.argsort(-scores, kind="stable")[:limit]
    return Candidates(np.full(len(first), asked), rows[first], scores[first], _PLACEMENTS[ways[first]])


def _concatenate(found: list[Candidates]) -> Candidates:
    if not found:
        none = np.empty(0, np.intp)
        return Candidates(none, none, np.empty(0, np.float32), np.empty((0, 4)))
    return Candidates(
        np.concatenate([one.asked for one in found]),
        np.concatenate([one.rows for one in found]),
        np.concatenate([one.scores for one in found]),
        np.concatenate([one.placements for one in found]),
    )


def _placement(way: int) -> tuple[float, float, float, float]:
    (top, bottom), (left, right) = _CUTS[way % _WINDOWS // len(_CUTS)], _CUTS[way % len(_CUTS)]
    width, height = 1 - left - right, 1 - top - bottom
    if way < _WINDOWS:
        return left, width, top, height
    kept = 1 - 2 * MOST_CUT  # the stored picture's centre is the window: around it lies what was cut from the other
    width, height = width / kept, height / kept
    return left - MOST_CUT * width, width, top - MOST_CUT * height, height


def _windows(planes: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """(N, C, 48, 48) -> (N, 25, C, cells * cells): the means of the cells of every window."""
    weights = np.stack([_weights(cells, *cut) for cut in _CUTS]).reshape(-1, SIDE)  # (5 * cells, 48)
    every = (weights @ planes @ weights.T).astype(np.float32, copy=False)  # (N, C, 5 * cells, 5 * cells)
    split = every.reshape(*planes.shape[:2], len(_CUTS), cells, len(_CUTS), cells).transpose(0, 2, 4, 1, 3, 5)
    made: NDArray[np.float32] = split.reshape(len(planes), _WINDOWS, planes.shape[1], cells * cells)
    return made


def _weights(cells: int, begin: float, end: float) -> NDArray[np.float32]:
    """(cells, 48): what each cell takes of 48 pixels whose ends are cut off."""
    edges = np.linspace(begin * SIDE, SIDE - end * SIDE, cells + 1)
    pixel = np.arange(SIDE)
    covered = np.maximum(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0)
    scaled: NDArray[np.float32] = (covered / covered.sum(1, keepdims=True)).astype(np.float32)
    return scaled


_PLACEMENTS = np.asarray([_placement(way) for way in range(2 * _WINDOWS)])
