"""The reader of text that is written in pictures, as a Protocol."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.text_lines import TextLine


@dataclass(frozen=True, slots=True)
class TextReading:
    """What was read in a picture: its lines in the order that a person reads them.

    `unread` counts the lines that are there and could not be read, such as those of a script that is not known.
    """

    lines: tuple[TextLine, ...]
    unread: int


class TextReader(Protocol):
    """A reader of the text in pictures. Safe to call from several threads."""

    name: str
    fingerprint: str
    longest_px: int  # longer side of the picture that it wants

    def read(self, picture: NDArray[np.uint8]) -> TextReading:
        """Read a picture: (H, W, 3) uint8 RGB, upright. A picture without text has no lines; no size is refused."""
        ...
