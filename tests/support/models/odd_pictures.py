"""Odd pictures and texts on which encoders are held against their references."""

import io

import numpy as np
from PIL import Image

from core.imaging.color_profile import to_srgb
from core.imaging.decode_request import DecodeRequest, ImageLimits, Pixels, PixelSpec
from core.imaging.decoder import decode
from core.imaging.loading.picture import load_picture

TEXTS = (
    "",
    "three umbrellas and a dog on a hill " * 40,
    "Über den Dächern: la niña, un café crème",
    "A RED Car At NIGHT",
    "it's the woman's photo!! (two cats; one_dog) <b>&amp; more</b>…",
    "красная машина ночью 夜の赤い車 ΑΣΟΣ",
)


def draw_pictures() -> dict[str, Image.Image]:
    """Draw pictures of odd sizes, modes and ratios, none longer than 2 : 1, and no two alike."""
    noise = np.random.default_rng(7)

    def draw(width: int, height: int, channels: int) -> np.ndarray:
        coarse = noise.integers(0, 256, (5, 4, channels), dtype=np.uint8)
        layers = [
            Image.fromarray(coarse[..., n]).resize((width, height), Image.Resampling.BICUBIC) for n in range(channels)
        ]
        return np.stack([np.asarray(layer) for layer in layers], axis=-1)

    deep = draw(47, 61, 1)[..., 0].astype(np.uint16) * 257
    clear = draw(64, 48, 4)
    clear[..., :3] //= 2  # dark, so that white is behind it here and in every reference
    return {
        "one grey pixel": Image.fromarray(np.full((1, 1), 77, np.uint8)),
        "transparent": Image.fromarray(clear, "RGBA"),
        "16 bits": Image.fromarray(deep),
        "portrait in CMYK": Image.fromarray(draw(75, 100, 4), "CMYK"),
        "landscape of 2 : 1": Image.fromarray(draw(330, 165, 3)),
        "smaller than the input": Image.fromarray(draw(13, 9, 3)),
    }


def encode_file(picture: Image.Image) -> bytes:
    """Encode a picture without a loss: as TIFF where PNG has not its mode."""
    file = io.BytesIO()
    picture.save(file, "TIFF" if picture.mode == "CMYK" else "PNG")
    return file.getvalue()


def decode_input(picture: Image.Image, spec: PixelSpec) -> Pixels:
    """Decode a picture's file into the input of a model, as ingest does."""
    pixels = decode(encode_file(picture), DecodeRequest(pixels=spec), ImageLimits()).pixels
    assert pixels is not None
    return pixels


def decode_colours(picture: Image.Image) -> Image.Image:
    """Decode a picture's file to RGB in its own size: what references are given, since colours are ours to convert."""
    return to_srgb(load_picture(encode_file(picture), "", lambda size: size, ImageLimits()).image)
