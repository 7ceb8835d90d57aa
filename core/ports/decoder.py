"""The decoder of images, as a Protocol."""

from concurrent.futures import Future
from typing import Protocol

from core.imaging.decode_request import Decoded, DecodeRequest


class Decoder(Protocol):
    """A decoder of images in killable workers, so that a bad file harms only itself."""

    def submit(self, data: bytes, request: DecodeRequest) -> "Future[Decoded]":
        """Queue an image; the future ends with an ImageError where the image is at fault."""
        ...

    def close(self) -> None:
        """End the workers; images that are not decoded yet are cancelled."""
        ...
