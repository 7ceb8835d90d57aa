"""What is behind a transparent picture: white, or black where white would hide it."""

from PIL import Image, ImageChops, ImageStat

_WHITE, _BLACK = 255, 0
_LEAST_CONTRAST = 48  # of 255, on average over what is seen


def flatten(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """Lay an RGB picture over a background, as its alpha channel (L) says.

    The background is white. It is black for what is nearly white itself, such as a white drawing.
    """
    background = Image.new("RGB", image.size, (_choose_background(image, alpha),) * 3)
    background.paste(image, mask=alpha)
    return background


def _choose_background(image: Image.Image, alpha: Image.Image) -> int:
    """Choose by the mean lightness of what is seen, each pixel counting as much as it is opaque."""
    low, high = alpha.getextrema()
    if low == 255 or high == 0:
        return _WHITE
    lightness = ImageStat.Stat(ImageChops.multiply(image.convert("L"), alpha)).mean[0]
    seen = lightness / ImageStat.Stat(alpha).mean[0] * 255
    return _WHITE if _WHITE - seen >= _LEAST_CONTRAST else _BLACK
