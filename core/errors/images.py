"""One image, or a source of images, is at fault."""

from typing import TYPE_CHECKING

from core.errors.base import BucketLensError
from core.errors.hints import RAISE_SECONDS, Hint

if TYPE_CHECKING:
    from core.domain.image import ImageRef


class ImageError(BucketLensError):
    """One image cannot be used; `str(error)` is put on record as the reason of its failure."""


class ImageUnreadable(ImageError):
    """The bytes are not an image of an allowed format, or are damaged."""


class ImageTooLarge(ImageError):
    """Over the limit of bytes, pixels or memory. The hint names the setting."""


class LinkDead(ImageError):
    """A web address that leads to no picture, or may not be followed. What was read from it before stays."""


class DecoderCrashed(ImageError):
    """The worker that decoded it died: of a crash of the codec, or at the memory limit."""


class DecoderTimeout(ImageError):
    """The worker that decoded it did not answer in time and was killed. `seconds`: how long it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"decoding took over {seconds:g} s and was stopped", RAISE_SECONDS)
        self.seconds = seconds


class StoreError(BucketLensError):
    """A source could not be listed or read."""


class SourceNotFound(StoreError):
    """There is no such source, or none of that kind."""

    exit_code = 2

    def __init__(self, source: str, why: str, hint: Hint | None = None) -> None:
        super().__init__(f"source {source}: {why}", hint)
        self.source = source


class ImageGone(StoreError):
    """Listed, but no longer there when it was read."""


class ImageChanged(StoreError):
    """The image has changed since it was listed. `ref` is the image as it is now."""

    def __init__(self, ref: "ImageRef") -> None:
        super().__init__(f"{ref.uri} has changed since it was listed")
        self.ref = ref


class ImageUnchanged(StoreError):
    """Asked for again, the image is still the one on record."""


class ImageWithheld(StoreError):
    """There, but in an archive, where it cannot be read until it has been restored."""


class ImageUnavailable(StoreError):
    """There, but refused or failing for now (permissions, an I/O error)."""
