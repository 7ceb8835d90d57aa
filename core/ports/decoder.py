"""What turns image bytes into pixels, as a Protocol."""

from concurrent.futures import Future
from typing import Protocol

from core.imaging.decoder import Decoded, DecodeRequest


class Decoder(Protocol):
    """Decodes in workers that can be killed, so that a bad file hurts only itself."""

    def submit(self, data: bytes, request: DecodeRequest) -> "Future[Decoded]":
        """Queue an image; the future ends with an ImageError where the image is at fault."""
        ...

    def close(self) -> None: ...
